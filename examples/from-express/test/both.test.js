// The old route and the new handler do the same, and together do nothing twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { event, Host } from "tollgate-handler/testing";

import { calls } from "../calls.js";
import handle from "../handler/src/handler.js";
import { act } from "../route.js";
import { Shop } from "../shop.js";

const events = [
  ["checkout.session.completed", { id: "cs_1", payment_status: "paid", amount_total: 4200, currency: "eur" }],
  ["checkout.session.completed", { id: "cs_2", payment_status: "unpaid", amount_total: 100, currency: "eur" }],
  ["invoice.payment_failed", { id: "in_1", attempt_count: 1, customer_email: "ada@example.com" }],
  ["invoice.payment_failed", { id: "in_1", attempt_count: 2, customer_email: "ada@example.com" }],
  ["customer.subscription.deleted", { id: "sub_1" }],
].map(([type, object], number) => ({ id: `evt_${number}`, type, data: { object } }));

/** The way through the gateway: the handler queues calls, and the shop answers them. */
async function throughTheGateway(told, shop) {
  const host = new Host().config("shop_url", "http://shop.test");
  const run = await host.run(handle, event(told.type, told));
  assert.ok(["done", "ignored"].includes(run.result.tag), told.type);
  for (const sent of host.sent) {
    assert.equal(sent.method, "PUT");
    assert.ok(await calls(new URL(sent.url).pathname, sent.json(), shop), sent.url);
  }
}

async function done(ways) {
  const shop = new Shop();
  for (const told of events) for (const way of ways) await way(told, shop);
  return shop.log;
}

test("the handler does what the switch did", async () => {
  const before = await done([act]);
  assert.equal(before.length, 4);
  assert.deepEqual(await done([throughTheGateway]), before);
});

test("both together do nothing twice, whichever comes first", async () => {
  const before = await done([act]);
  assert.deepEqual(await done([act, throughTheGateway]), before);
  assert.deepEqual(await done([throughTheGateway, act]), before);
});

test("a second delivery does nothing again", async () => {
  const before = await done([act]);
  assert.deepEqual(await done([throughTheGateway, throughTheGateway]), before);
});
