// Errors that the gateway returns from a call, as the errors of this package.

import * as errors from "./errors.js";

const TEXTS = {
  "invalid-key": () => "a key has 1 to 512 bytes",
  "not-a-counter": () => "not a counter, or the sum leaves a counter's range",
  "too-large": () => "the effects exceed the handler's limit on effects",
  "too-deep": () => "the event being handled is too deep in a chain of emitted events",
  "not-allowed": (origin) =>
    `${origin} is not among the origins that the manifest allows this handler`,
  invalid: (why) => why,
};

/** Runs a call. An error that the gateway returns is thrown as a `Kind`, after `about`. */
export function calling(Kind, about, call) {
  try {
    return call();
  } catch (error) {
    const tag = error?.payload?.tag;
    if (tag === undefined) throw error;
    const text = TEXTS[tag] ?? (() => tag);
    throw new errors[Kind](`${about}: ${text(error.payload.val)}`, tag);
  }
}
