// Runs in Node, against a gateway in memory: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { event, Host } from "tollgate-handler/testing";

import handle from "../src/handler.js";

const payment = event("{{event}}", {
  id: "evt_1",
  data: { object: { id: "obj_1", {{amount}}: 4200, currency: "eur" } },
});

test("a payment is told once", async () => {
  const host = new Host().config("notify_url", "https://shop.example.com/paid");
  assert.equal((await host.run(handle, payment)).result.tag, "done");
  assert.equal((await host.run(handle, payment)).result.tag, "ignored");
  assert.equal(host.sent.length, 1);
  assert.deepEqual(host.sent[0].json(), { id: "obj_1", amount: 4200, currency: "eur" });
  assert.equal(host.counter("total/eur"), 4200);
});
