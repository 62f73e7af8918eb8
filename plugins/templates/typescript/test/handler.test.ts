// Runs in Node, against a gateway in memory: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Outcome } from "tollgate-handler";
import { event, Host } from "tollgate-handler/testing";

import handle from "../src/handler.ts";

const payment = event("{{event}}", {
  id: "evt_1",
  data: { object: { id: "obj_1", {{amount}}: 4200, currency: "eur" } },
});

test("a payment is told once", async () => {
  const host = new Host().config("notify_url", "https://shop.example.com/paid");
  const [first, again] = [await host.run(handle, payment), await host.run(handle, payment)];
  assert.ok(first.result instanceof Outcome && first.result.tag === "done");
  assert.ok(again.result instanceof Outcome && again.result.tag === "ignored");
  assert.equal(host.sent.length, 1);
  assert.deepEqual(host.sent[0]?.json(), { id: "obj_1", amount: 4200, currency: "eur" });
  assert.equal(host.counter("total/eur"), 4200);
});
