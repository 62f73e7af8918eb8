// The results of a handler that did its work.

import { nameOf, Reject, Retry } from "./errors.js";

/** The result of a handler. Made by `done` and `ignored`. */
export class Outcome {
  constructor(tag, reason) {
    this.tag = tag;
    if (reason !== undefined) this.reason = reason;
    Object.freeze(this);
  }
}

const DONE = new Outcome("done");

/** The handler acted on the event. The gateway commits its effects. */
export function done() {
  return DONE;
}

/**
 * The event needs no action. The gateway commits the run's effects too.
 * @param {string} reason for the operator
 */
export function ignored(reason) {
  if (typeof reason !== "string") {
    throw new TypeError(`ignored: the reason is a text, not ${nameOf(reason)}`);
  }
  return new Outcome("ignored", reason);
}

/** Checks what a handler returned. */
export function outcomeOf(value) {
  if (value instanceof Outcome) return value;
  if (value instanceof Retry || value instanceof Reject) {
    throw new TypeError(
      `the handler returned a ${value.name}. Write \`throw new ${value.name}(…)\` instead`,
    );
  }
  if (value instanceof Error) {
    throw new TypeError(`the handler returned an error (${value}). Write \`throw\` instead`);
  }
  if (value === undefined) {
    throw new TypeError(
      'the handler returned nothing. Write `return done()`, or `return ignored("why")` if the ' +
        "event needs no action",
    );
  }
  throw new TypeError(
    `the handler returned ${nameOf(value)}. Write \`return done()\` or \`return ignored("why")\``,
  );
}
