// Log lines. The gateway keeps them with the attempt and shows them to the operator. A log line
// never fails: what is no text is written as one.

import { cut } from "./errors.js";
import { host } from "./host.js";
import { inspect } from "./inspect.js";

/** The longest message or value of a line, in characters. */
const MAX_TEXT = 16 << 10;
/** The most fields of a line. */
const MAX_FIELDS = 64;

/** Writes one line of any level: "trace", "debug", "info", "warn" or "error". */
export function write(level, message, fields = {}) {
  const pairs = Object.entries(fields ?? {}).slice(0, MAX_FIELDS);
  host.log.log(
    level,
    line(message),
    pairs.map(([name, value]) => [cut(name), line(value)]),
  );
}

function line(value) {
  return cut(typeof value === "string" ? value : inspect(value), MAX_TEXT);
}

/** Logs a line for the author of the handler, step by step. */
export const trace = (message, fields) => write("trace", message, fields);
/** Logs a line for the author of the handler. */
export const debug = (message, fields) => write("debug", message, fields);
/** Logs a line about work that was done. */
export const info = (message, fields) => write("info", message, fields);
/** Logs a line about something odd. */
export const warn = (message, fields) => write("warn", message, fields);
/** Logs a line about something wrong. */
export const error = (message, fields) => write("error", message, fields);
