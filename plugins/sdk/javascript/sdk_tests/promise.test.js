// The SDK's promises, by the tests of the Promises/A+ specification and by what it leaves out.

import assert from "node:assert/strict";
import { test } from "node:test";

import aplus from "promises-aplus-tests";

import { drain, Promise, stateOf, takeUnhandled } from "../src/globals/promise.js";

/** Runs the jobs, as the SDK does at the end of a handler, and returns what a promise came to. */
function outcome(promise) {
  drain();
  return stateOf(promise);
}

test("the promises pass the tests of Promises/A+", async () => {
  const pump = setInterval(drain, 0);
  const adapter = {
    deferred: () => Promise.withResolvers(),
    resolved: (value) => Promise.resolve(value),
    rejected: (reason) => Promise.reject(reason),
  };
  const failed = await new globalThis.Promise((end) => {
    aplus(adapter, { reporter: "dot" }, (error) => end(error));
  });
  clearInterval(pump);
  assert.equal(failed, null);
  drain();
  takeUnhandled();
});

test("several promises are followed", () => {
  const later = (value) => Promise.resolve(value).then((same) => same);
  const no = () => Promise.reject(new Error("no"));
  assert.deepEqual(outcome(Promise.all([1, later(2), later(3)])).value, [1, 2, 3]);
  assert.deepEqual(outcome(Promise.all([])).value, []);
  assert.equal(outcome(Promise.all([1, no()])).value.message, "no");
  assert.deepEqual(
    outcome(Promise.allSettled([1, no()])).value.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(outcome(Promise.any([no(), later(5)])).value, 5);
  assert.ok(outcome(Promise.any([no()])).value instanceof AggregateError);
  assert.equal(outcome(Promise.race([new Promise(() => {}), later(7)])).value, 7);
  assert.equal(outcome(Promise.try(() => 9)).value, 9);
  assert.equal(outcome(later(1).finally(() => 2)).value, 1);
  takeUnhandled();
});

test("jobs run in order, and those that jobs add run too", () => {
  const order = [];
  Promise.resolve()
    .then(() => order.push("b"))
    .then(() => order.push("d"));
  Promise.resolve().then(() => order.push("c"));
  order.push("a");
  drain();
  assert.deepEqual(order, ["a", "b", "c", "d"]);
  let count = 0;
  const step = () => ++count < 5000 && Promise.resolve().then(step);
  step();
  drain();
  assert.equal(count, 5000);
});

test("a rejected promise that nobody handles is told", () => {
  Promise.reject(new Error("lost"));
  const handled = Promise.reject(new Error("found"));
  handled.catch(() => {});
  drain();
  assert.deepEqual(
    takeUnhandled().map(({ message }) => message),
    ["lost"],
  );
  assert.deepEqual(takeUnhandled(), []);
});
