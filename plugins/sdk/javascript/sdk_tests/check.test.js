// Each wrong argument that the binding would change silently, or trap on, is an error here.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as emit from "../src/emit.js";
import { Reject, Retry, StateError } from "../src/errors.js";
import { done, ignored, outcomeOf } from "../src/outcome.js";
import * as outbox from "../src/outbox.js";
import * as schedule from "../src/schedule.js";
import * as state from "../src/state.js";
import { event, Host } from "../src/testing/index.js";

/** Runs a handler in the gateway in memory, and returns what it threw. */
async function mistake(work) {
  const run = new Host().run(
    () => {
      work();
      return done();
    },
    event("a", {}),
  );
  return run.then(
    ({ result }) => result,
    (error) => error,
  );
}

const WRONG = [
  [() => state.add("n", Number.NaN), RangeError, /delta is a whole number .*, not the number NaN/],
  [() => state.add("n", 1.5), RangeError, /not the number 1.5/],
  [() => state.add("n", 2 ** 53), RangeError, /not the number 9007199254740992/],
  [() => state.add("n", 2n ** 64n - 1n), RangeError, /not the BigInt 18446744073709551615n/],
  [() => state.add("n", "5"), TypeError, /not the text "5"/],
  [() => state.add("n"), TypeError, /not undefined/],
  [() => state.set("k", undefined), TypeError, /the value is no JSON: it is undefined/],
  [() => state.set("k", { a: Number.NaN }), TypeError, /"a" is NaN/],
  [() => state.get(5), TypeError, /the key is a text, not the number 5/],
  [() => state.get("\ud800"), TypeError, /surrogate/],
  [() => state.setBytes("k", [1, 300]), RangeError, /byte 1 is 0 to 255, not the number 300/],
  [() => state.setBytes("k", 7), TypeError, /is bytes .*, not the number 7/],
  [() => state.setBytes("k", null), TypeError, /not null/],
  [() => state.listBytes("k", { limit: -1 }), RangeError, /limit is a whole number from 0 to 1000/],
  [
    () => state.listBytes("k", { first: 1 }),
    TypeError,
    /no option "first"; there are after, limit/,
  ],
  [() => outbox.post("https://x.example", { jsn: 1 }), TypeError, /no option "jsn"/],
  [() => outbox.post(undefined), TypeError, /the URL is a text, not undefined/],
  [() => outbox.post("https://x.example", { json: 1, body: "" }), TypeError, /exclude each other/],
  [() => outbox.post("https://x.example", { headers: "a: b" }), TypeError, /headers is an object/],
  [
    () => outbox.post("https://x.example", { headers: { a: null } }),
    TypeError,
    /value of a is a text/,
  ],
  [() => outbox.post("https://x.example", { orderKey: 7 }), TypeError, /orderKey is a text/],
  [() => emit.event("e", { subject: 1 }), TypeError, /subject is a text/],
  [() => emit.event(), TypeError, /the type is a text, not undefined/],
  [
    () => schedule.put("k", { kind: "e", after: "3 days" }),
    TypeError,
    /"3d", not the text "3 days"/,
  ],
  [() => schedule.put("k", { kind: "e", after: -1 }), RangeError, /not the number -1/],
  [() => schedule.put("k", { kind: "e" }), TypeError, /one of after and at/],
  [() => schedule.put("k", { kind: "e", at: new Date("?") }), RangeError, /not the number NaN/],
  [() => schedule.put("k", { kind: "e", at: "2026-01-01" }), TypeError, /is a Date or a number/],
  [() => new Retry(5), TypeError, /the reason is a text/],
  [() => new Retry("x", { after: Number.NaN }), RangeError, /`after` is a whole number/],
  [() => ignored(), TypeError, /the reason is a text, not undefined/],
];

for (const [work, kind, message] of WRONG) {
  test(`${work}`.slice(6), async () => {
    const error = await mistake(work);
    assert.equal(error.constructor, kind);
    assert.match(error.message, message);
  });
}

test("what the gateway refuses rejects the delivery", async () => {
  const long = await mistake(() => state.get("é".repeat(257)));
  assert.ok(long instanceof StateError && long instanceof Reject);
  assert.match(long.message, /a key has 1 to 512 bytes/);
  assert.equal(long.problem, "invalid-key");
});

test("a wrong result says what to write instead", () => {
  for (const [value, message] of [
    [undefined, /returned nothing. Write `return done\(\)`/],
    [null, /returned null/],
    ["done", /returned the text "done"/],
    [{ tag: "done" }, /returned an object/],
    [new Retry("later"), /returned a Retry. Write `throw new Retry/],
    [new Reject("no"), /Write `throw new Reject/],
    [new Error("no"), /Write `throw`/],
  ]) {
    assert.throws(() => outcomeOf(value), { name: "TypeError", message });
  }
  assert.equal(outcomeOf(done()).tag, "done");
});
