// JSON that loses no digits. `JSON.parse` rounds integers beyond 2^53, which changes amounts and
// ids without a word.

import { nameOf } from "./errors.js";

/** The ways to read an integer that a number cannot hold. */
const WAYS = ["bigint", "text", "number"];

/** The shortest integer that a number may not hold exactly has this many digits. */
const LONG = 16;

/**
 * Reads JSON. An integer beyond 2^53 becomes a BigInt, or what `integers` says: "bigint", "text"
 * (the digits) or "number" (rounded). All other numbers are numbers.
 */
export function parse(text, options = {}) {
  const integers = options.integers ?? "bigint";
  if (!WAYS.includes(integers)) {
    throw new TypeError(`integers is "bigint", "text" or "number", not ${nameOf(integers)}`);
  }
  const value = JSON.parse(text);
  if (integers === "number" || !mayHaveLongInteger(text)) return value;
  return parseExactly(text, integers === "text" ? (digits) => digits : BigInt);
}

/** A text or a number of JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Reads JSON whose long integers `exact` makes of their digits. */
function parseExactly(text, exact) {
  // The mark makes texts of the long integers. No text of the payload begins with so many.
  const mark = MARK.repeat(1 + (text.match(/\ufdd0|\\ufdd0/gi)?.length ?? 0));
  const marked = text.replace(TOKEN, (token) => {
    const long = /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));
    return long ? `"${mark}${token}"` : token;
  });
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(mark) ? exact(value.slice(mark.length)) : value,
  );
}

/** Writes JSON. A BigInt is written as the integer that it is. */
export function stringify(value, what = "the value") {
  let text;
  try {
    text = write(value);
  } catch (error) {
    throw new TypeError(`${what} is no JSON: ${error.message}`);
  }
  if (text === undefined) throw new TypeError(`${what} is no JSON: it is ${nameOf(value)}`);
  return text;
}

/** A code point that is no character, so that texts hardly ever have it. */
const MARK = "\ufdd0";

function write(value, mark = MARK) {
  let integers = 0;
  const text = JSON.stringify(value, (key, part) => {
    if (typeof part === "number" && !Number.isFinite(part)) {
      throw new TypeError(`${key === "" ? "it" : `"${key}"`} is ${part}`);
    }
    if (typeof part !== "bigint") return part;
    integers++;
    return mark + part;
  });
  if (integers === 0) return text;
  let found = 0;
  const whole = text.replace(new RegExp(`"${mark}(-?\\d+)"`, "g"), (_, digits) => {
    found++;
    return digits;
  });
  // If a text of the value has the mark too, another mark is needed.
  return found === integers ? whole : write(value, mark + MARK);
}

/**
 * Whether JSON may have an integer of 16 digits or more. Looks at each 16th character alone: a long
 * run has one of them. Digits of a text count only if what stands before them could stand before a
 * number, so ids such as `pi_0123456789012345` and `"0123456789012345"` do not.
 */
export function mayHaveLongInteger(text) {
  for (let i = LONG - 1; i < text.length; i += LONG) {
    if (!isDigit(text.charCodeAt(i))) continue;
    let begin = i;
    while (begin > 0 && isDigit(text.charCodeAt(begin - 1))) begin--;
    let end = i + 1;
    while (end < text.length && isDigit(text.charCodeAt(end))) end++;
    if (end - begin >= LONG && mayBeginNumber(text, begin)) return true;
  }
  return false;
}

/** Whether a number may begin with the digit at `at`, by what stands before. */
function mayBeginNumber(text, at) {
  const before = text[at - 1] === "-" ? text[at - 2] : text[at - 1];
  return before === undefined || ":,[ \t\n\r".includes(before);
}

function isDigit(code) {
  return code >= 48 && code <= 57;
}
