// A handler: one function, or a function for each type of event.

import { nameOf } from "./errors.js";
import { ignored } from "./outcome.js";

/** Handlers that `handler` made. */
const made = new WeakSet();

/**
 * Makes a handler of a function, or of a table from event types to functions. A type may have `*`
 * for any characters: `"customer.subscription.*"`. The first type that fits counts, in the order
 * of the table; a full name comes before all patterns. An event that nothing fits is ignored.
 */
export function handler(table) {
  const handle = typeof table === "function" ? table : byType(table);
  const wrapped = (event) => handle(event);
  made.add(wrapped);
  return wrapped;
}

function byType(table) {
  if (table === null || typeof table !== "object" || Array.isArray(table)) {
    throw new TypeError(
      `handler(…) takes a function or an object with a function for each event type, not ` +
        nameOf(table),
    );
  }
  const names = new Map();
  const patterns = [];
  for (const [type, handle] of Object.entries(table)) {
    if (typeof handle !== "function") {
      throw new TypeError(`handler(…): "${type}" has to be a function, not ${nameOf(handle)}`);
    }
    if (type.includes("*")) patterns.push([pattern(type), handle]);
    else names.set(type, handle);
  }
  if (names.size + patterns.length === 0) throw new TypeError("handler(…) got an empty object");
  return (event) => {
    const handle = names.get(event.kind) ?? patterns.find(([fits]) => fits.test(event.kind))?.[1];
    return handle ? handle(event) : ignored(`the handler has no function for ${event.kind}`);
  };
}

function pattern(type) {
  const parts = type.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

/** The handler that a module exports by default. `where` names the module's file. */
export function handlerOf(module, where) {
  const value = module.default;
  if (typeof value === "function") return value;
  const instead =
    "Write `export default handler({ … })` or `export default function (event) { … }`";
  if (value === undefined) {
    const named = Object.keys(module);
    const found = named.length === 0 ? "" : ` (only ${named.join(", ")})`;
    throw new TypeError(`${where} has no default export${found}. ${instead}.`);
  }
  throw new TypeError(`${where} exports ${nameOf(value)} by default. ${instead}.`);
}
