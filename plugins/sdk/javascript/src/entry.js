// The export `handle` of a component: calls the user's handler, runs the jobs that it leaves, and
// gives its answer or its failure to the gateway.

import exit from "wasi:cli/exit@0.2.0";
import config from "tollgate:handler/config@0.1.0";
import emit from "tollgate:handler/emit@0.1.0";
import log from "tollgate:handler/log@0.1.0";
import outbox from "tollgate:handler/outbox@0.1.0";
import resolved from "tollgate:handler/resolved@0.1.0";
import schedule from "tollgate:handler/schedule@0.1.0";
import state from "tollgate:handler/state@0.1.0";

import { cut, Reject, Retry } from "./errors.js";
import { Event } from "./event.js";
import { drain, Promise, stateOf, takeUnhandled } from "./globals/promise.js";
import { begin } from "./globals/random.js";
import { handlerOf } from "./handler.js";
import { use } from "./host.js";
import { outcomeOf } from "./outcome.js";
import { described, setPlaces } from "./trace.js";

const gateway = { config, emit, log, outbox, resolved, schedule, state };

/** The longest stack that is logged, in characters. */
const MAX_STACK = 8 << 10;

/** Makes the export of the handler in `module`, whose file is `where`. */
export function exported(module, where) {
  const handle = handlerOf(module, where);
  return (raw) => {
    begin();
    use(gateway);
    setPlaces(globalThis.__tollgatePlaces);
    let answer;
    try {
      answer = lowered(outcomeOf(settled(handle(new Event(raw)))));
    } catch (error) {
      failed(error);
    }
    return answer;
  };
}

/** Runs the jobs that the handler left, and returns what its promise came to. */
function settled(value) {
  drain();
  const result = isThenable(value) ? outcome(value) : value;
  const [reason] = takeUnhandled();
  if (reason !== undefined) throw reason;
  return result;
}

function outcome(thenable) {
  const promise = Promise.resolve(thenable);
  const handled = promise.then((value) => value);
  drain();
  const { status, value } = stateOf(handled);
  handled.catch(() => {});
  if (status === "fulfilled") return value;
  if (status === "rejected") throw value;
  throw new TypeError(
    "the handler's promise never settled: it waits for something that does not come, such as a " +
      "callback that nobody calls",
  );
}

function isThenable(value) {
  return value !== null && typeof value === "object" && typeof value.then === "function";
}

function lowered(outcome) {
  return outcome.tag === "done" ? { tag: "done" } : { tag: "ignored", val: cut(outcome.reason) };
}

/** Gives a failure to the gateway. Never returns. */
function failed(error) {
  if (error instanceof Retry) {
    throw { tag: "retry", val: { reason: cut(error.message), afterMs: error.afterMs } };
  }
  if (error instanceof Reject) throw { tag: "reject", val: cut(error.message) };
  const { line, stack } = described(error);
  // The gateway takes the reason of the attempt from this line.
  log.log("error", cut(line), [["stack", cut(stack, MAX_STACK)]]);
  exit.exit({ tag: "err" });
}
