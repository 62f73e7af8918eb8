// The errors of a handler. `Retry` and `Reject` are answers to the gateway. Any other error is a
// mistake in the handler: the attempt fails, with the error's first line and place as its reason.

/** The longest reason that crosses to the gateway, in characters. The gateway keeps 4 KiB. */
const MAX_REASON = 4096;

/** Asks for another attempt. The gateway commits none of the run's effects. */
export class Retry extends Error {
  /**
   * @param {string} reason for the operator
   * @param {{after?: number | string}} [options] `after`: the shortest wait before the next
   *   attempt: milliseconds, or a text such as "10m"
   */
  constructor(reason, options = {}) {
    super(reasonOf("Retry", reason));
    this.name = "Retry";
    this.afterMs = options.after === undefined ? null : duration(options.after, "Retry: `after`");
  }
}

/** Makes the delivery a dead letter at once. The gateway commits none of the run's effects. */
export class Reject extends Error {
  /** @param {string} reason for the operator */
  constructor(reason) {
    super(reasonOf("Reject", reason));
    this.name = "Reject";
  }
}

// The errors below reject the delivery unless the handler catches them. The event's bytes, the
// handler's code and the manifest would be the same at the next attempt.

/** The payload is no JSON, or not UTF-8. */
export class PayloadError extends named("PayloadError") {}
/** A call on the handler's state failed. */
export class StateError extends named("StateError") {}
/** A request was not queued. */
export class OutboxError extends named("OutboxError") {}
/** A request of `fetch` is malformed, or the gateway denied it. */
export class FetchError extends named("FetchError") {}
/** An event was not emitted. */
export class EmitError extends named("EmitError") {}
/** An event was not scheduled or not cancelled. */
export class ScheduleError extends named("ScheduleError") {}
/** A key of the handler's config is missing or has an unusable value. */
export class ConfigError extends named("ConfigError") {}

/** A request of `fetch` was not answered: unless the handler catches it, the attempt is repeated. */
export class NoAnswerError extends Retry {
  /**
   * @param {string} message
   * @param {string} problem "timeout" or "no-answer"
   */
  constructor(message, problem) {
    super(message);
    this.name = "NoAnswerError";
    this.problem = problem;
  }
}

function named(name) {
  return class extends Reject {
    /**
     * @param {string} message
     * @param {string} [problem] the kind of the problem, such as "too-large"
     */
    constructor(message, problem) {
      super(message);
      this.name = name;
      this.problem = problem;
    }
  };
}

function reasonOf(what, reason) {
  if (typeof reason !== "string") {
    throw new TypeError(`${what}: the reason is a text, not ${nameOf(reason)}`);
  }
  return reason;
}

/** A text as it may cross to the gateway: well-formed, and not longer than `limit`. */
export function cut(text, limit = MAX_REASON) {
  const short = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return short.toWellFormed();
}

/** The names of values in messages: "the number 1.5", "an array", "null". */
export function nameOf(value) {
  if (value === null || value === undefined) return String(value);
  switch (typeof value) {
    case "number":
      return `the number ${value}`;
    case "bigint":
      return `the BigInt ${value}n`;
    case "boolean":
      return String(value);
    case "string":
      return value.length > 40 ? `the text "${value.slice(0, 40)}…"` : `the text "${value}"`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      break;
  }
  if (Array.isArray(value)) return "an array";
  if (typeof value.then === "function") return "a promise";
  const name = value.constructor?.name;
  if (!name || name === "Object") return "an object";
  return /^[AEIOU]/i.test(name) ? `an ${name}` : `a ${name}`;
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration: a number of milliseconds, or a text such as "90s" or "3d". */
export function duration(value, what) {
  if (typeof value === "string") {
    const parts = /^(\d{1,15})(ms|s|m|h|d)$/.exec(value);
    if (parts) return integer(Number(parts[1]) * UNITS[parts[2]], what, 0);
    throw new TypeError(
      `${what} is a number of milliseconds or a text such as "30s", "15m", "2h" or "3d", not ` +
        nameOf(value),
    );
  }
  return integer(value, what, 0);
}

/** A whole number within a range, as a number: the binding would round or wrap others silently. */
export function integer(value, what, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  const range = `a whole number from ${min} to ${max}`;
  if (typeof value === "bigint") {
    if (value >= BigInt(min) && value <= BigInt(max)) return Number(value);
    throw new RangeError(`${what} is ${range}, not ${nameOf(value)}`);
  }
  if (typeof value !== "number") {
    throw new TypeError(`${what} is ${range}, not ${nameOf(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${what} is ${range}, not ${nameOf(value)}`);
  }
  return value === 0 ? 0 : value;
}
