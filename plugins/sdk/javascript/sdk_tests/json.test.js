import assert from "node:assert/strict";
import { test } from "node:test";

import { mayHaveLongInteger, parse, stringify } from "../src/json.js";

const BIG = "9007199254740993";

test("an integer beyond 2^53 keeps its digits", () => {
  const text = `{"amount":${BIG},"small":42,"price":1.5,"e":1e20,"frac":0.1234567890123456789}`;
  assert.deepEqual(parse(text), {
    amount: 9007199254740993n,
    small: 42,
    price: 1.5,
    e: 1e20,
    frac: 0.1234567890123456789,
  });
  assert.equal(parse(text, { integers: "text" }).amount, BIG);
  assert.equal(parse(text, { integers: "number" }).amount, 9007199254740992);
  assert.equal(parse(`[-${BIG}]`)[0], -9007199254740993n);
  assert.equal(parse("9007199254740991"), 9007199254740991);
  assert.throws(
    () => parse("1", { integers: "float" }),
    /integers is "bigint", "text" or "number"/,
  );
});

test("texts stay texts, whatever digits and marks they have", () => {
  for (const text of [
    BIG,
    `\ufdd0${BIG}`,
    `\ufdd0\ufdd0${BIG}`,
    `a"${BIG}`,
    `\\${BIG}`,
    `\ufdd0x`,
  ]) {
    const value = { text, [text]: 1, amount: 9007199254740993n };
    assert.deepEqual(parse(stringify(value)), value);
    const escaped = `{"text":${JSON.stringify(text).replaceAll("\ufdd0", "\\uFDD0")},"n":${BIG}}`;
    assert.deepEqual(parse(escaped), { text, n: 9007199254740993n });
  }
});

test("what is no JSON is a mistake that is named", () => {
  assert.throws(() => parse("{"), SyntaxError);
  assert.throws(() => stringify({ amount: Number.NaN }, "the body"), {
    name: "TypeError",
    message: 'the body is no JSON: "amount" is NaN',
  });
  assert.throws(() => stringify(undefined, "state.set: the value"), /it is undefined/);
  assert.throws(() => stringify(() => {}), /it is a function/);
  const circle = {};
  circle.self = circle;
  assert.throws(() => stringify(circle), /is no JSON/);
});

test("each run of sixteen digits that may be a number is found, wherever it begins", () => {
  for (let before = 0; before < 40; before++) {
    for (const length of [15, 16, 17, 40]) {
      for (const [mark, may] of [
        [":", true],
        [",", true],
        ["[", true],
        [": ", true],
        ["\n", true],
        [":-", true],
        ['"', false],
        ["_", false],
        [".", false],
        ["x-", false],
      ]) {
        const text = `${"x".repeat(before)}${mark}${"7".repeat(length)}y`;
        assert.equal(mayHaveLongInteger(text), may && length >= 16, text);
      }
    }
  }
  assert.ok(mayHaveLongInteger(BIG) && mayHaveLongInteger(`-${BIG}`));
  // Before it, a text with as many digits.
  assert.ok(mayHaveLongInteger(`{"a":"${BIG}","b":${BIG}}`));
});
