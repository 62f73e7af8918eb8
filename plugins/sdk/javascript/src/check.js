// Checks of arguments before they cross to the gateway. The binding turns some wrong values into
// other values (NaN into 0, 300 into 44) and traps on the rest past `try` and `catch`. Here each
// wrong value is a TypeError or a RangeError that names the argument.

import { nameOf } from "./errors.js";
import { encode } from "./text.js";

export { duration, integer } from "./errors.js";

/** A text that is well-formed Unicode. */
export function text(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} is a text, not ${nameOf(value)}`);
  if (!value.isWellFormed()) {
    throw new TypeError(`${what} has half a surrogate pair: it cannot be written as UTF-8`);
  }
  return value;
}

/** A text, or null for an absent one. */
export function optionalText(value, what) {
  return value === undefined || value === null ? null : text(value, what);
}

/** Bytes: a text counts as its UTF-8. */
export function bytes(value, what) {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return encode(text(value, what));
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (Array.isArray(value)) return fromArray(value, what);
  throw new TypeError(
    `${what} is bytes (a Uint8Array, an ArrayBuffer or a text), not ${nameOf(value)}`,
  );
}

function fromArray(values, what) {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isInteger(value) || value < 0 || value > 255) {
      throw new RangeError(`${what}: byte ${i} is 0 to 255, not ${nameOf(value)}`);
    }
    out[i] = value;
  }
  return out;
}

/** Pairs of name and value, from an object, a Map, or an array of pairs. */
export function pairs(value, what) {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object") {
    throw new TypeError(`${what} is an object, a Map or an array of pairs, not ${nameOf(value)}`);
  }
  const entries = isIterable(value) ? [...value] : Object.entries(value);
  return entries.map((pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new TypeError(`${what}: entry ${index} is a pair of name and value`);
    }
    const [name, content] = pair;
    return [text(name, `${what}: a name`), text(plain(content), `${what}: the value of ${name}`)];
  });
}

/** The options of a call: an object without keys that the call does not know. */
export function options(value, what, known) {
  if (value === undefined) return {};
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new TypeError(`${what}: the options are an object, not ${nameOf(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new TypeError(`${what}: there is no option "${key}"; there are ${known.join(", ")}`);
    }
  }
  return value;
}

function plain(value) {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : value;
}

function isIterable(value) {
  return typeof value[Symbol.iterator] === "function";
}
