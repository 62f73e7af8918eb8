// The global names that a handler may use beside those of QuickJS. The build evaluates this module
// before the handler's own.

import { console } from "./console.js";
import { TextDecoder, TextEncoder } from "./coders.js";
import { Promise } from "./promise.js";
import { chance, now } from "./random.js";
import { timers } from "./timers.js";

/** Names that promise what a handler does not have, and what to use instead. */
const ABSENT = {
  fetch: "call it by its bare name, `fetch(…)`, so that the build sees that the handler asks",
  XMLHttpRequest: "requests go out after the commit: outbox.post(url, { json })",
  require: "write `import` instead",
};

function set(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

function absent(name, instead) {
  return () => {
    throw new TypeError(`${name}: a handler has no such function; ${instead}`);
  };
}

for (const [name, value] of Object.entries({
  console,
  TextDecoder,
  TextEncoder,
  Promise,
  ...timers,
})) {
  set(name, value);
}
for (const [name, instead] of Object.entries(ABSENT)) set(name, absent(name, instead));
set("crypto", chance.crypto);
set("self", globalThis);
set("global", globalThis);
Math.random = chance.mathRandom;
set("performance", { now, timeOrigin: 0, mark: () => {}, measure: () => {} });
// Its promises would be the engine's own, and those never settle here.
delete globalThis.AsyncDisposableStack;
Array.fromAsync = async (values, map = (value) => value) => {
  const all = [];
  for await (const value of values) all.push(await map(value, all.length));
  return all;
};
