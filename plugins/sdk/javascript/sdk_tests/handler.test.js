import assert from "node:assert/strict";
import { test } from "node:test";

import {
  config,
  done,
  emit,
  handler,
  ignored,
  log,
  outbox,
  Reject,
  resolved,
  Retry,
  schedule,
  state,
  stripe,
} from "../src/index.js";
import { handlerOf } from "../src/handler.js";
import { event, Host, orders } from "../src/testing/index.js";

const refund = event("charge.refunded", {
  id: "evt_1",
  created: 1_760_000_000,
  data: { object: { id: "ch_1", amount_refunded: 500, currency: "eur" } },
});

test("a handler's effects are kept if it succeeds", async () => {
  const host = new Host().config("ledger_url", "https://ledger.example.com/").config("limit", 5);
  const handle = handler({
    "charge.refunded": async (event) => {
      const charge = (await event.json()).data.object;
      state.add(`refunded/${charge.currency}`, charge.amount_refunded);
      state.set("last", { id: charge.id, limit: config.number("limit") });
      outbox.post(config.require("ledger_url"), {
        json: { a: 1 },
        orderKey: charge.id,
        respond: "r",
      });
      outbox.post("https://x.example", { form: { "a b": "c&d", e: "~'" } });
      emit.event("refund.noted", { subject: charge.id, json: { ok: true } });
      schedule.put("later", { after: "3d", kind: "reminder.due", json: { n: 1 } });
      log.info("noted", { amount: charge.amount_refunded, tags: ["a"] });
      return done();
    },
    "reminder.*": (event) => ignored(`${event.scheduled} ${event.json().n}`),
  });
  const run = await host.run(handle, refund);
  assert.equal(run.result, done());
  assert.equal(host.counter("refunded/eur"), 500);
  assert.deepEqual(host.state("last"), { id: "ch_1", limit: 5 });
  assert.deepEqual(run.sent[0].headers, [["content-type", "application/json"]]);
  assert.equal(run.sent[0].orderKey, "ch_1");
  assert.equal(run.sent[1].text(), "a+b=c%26d&e=%7E%27");
  assert.deepEqual(run.emitted[0].json(), { ok: true });
  assert.deepEqual(run.logs[0].fields, [
    ["amount", "500"],
    ["tags", '["a"]'],
  ]);
  const [due] = await host.advance(handle, 3 * 86_400_000);
  assert.deepEqual({ ...due.result }, { tag: "ignored", reason: "later 1" });
  assert.equal(host.scheduled.size, 0);
});

test("a handler that fails leaves nothing", async () => {
  for (const [thrown, problem] of [
    [() => new Retry("busy", { after: "10m" }), { name: "Retry", afterMs: 600_000 }],
    [() => new Reject("no"), { name: "Reject" }],
  ]) {
    const host = new Host();
    const run = await host.run(() => {
      state.set("a", 1);
      emit.event("e");
      throw thrown();
    }, refund);
    assert.equal(run.result.name, problem.name);
    assert.equal(run.result.afterMs, problem.afterMs);
    assert.deepEqual([host.keys(), host.emitted, run.emitted], [[], [], []]);
  }
  await assert.rejects(
    new Host().run(() => event.nope.id, refund),
    TypeError,
  );
});

test("requests go where the manifest allows", async () => {
  const host = new Host().allow("https://ok.example");
  const handle = () => {
    outbox.post("https://other.example/x");
    return done();
  };
  const run = await host.run(handle, refund);
  assert.match(run.result.message, /https:\/\/other.example is not among the origins/);
});

test("a response is an event", async () => {
  const host = new Host();
  const run = await host.run(
    () => (outbox.put("https://a.example", { respond: "o-1" }), done()),
    refund,
  );
  let came;
  const read = (event) => ((came = event.response()), done());
  await host.respond(read, run.sent[0], 503, "busy");
  assert.deepEqual(
    [came.isSuccess, came.status, came.correlation, came.text()],
    [false, 503, "o-1", "busy"],
  );
  await host.respond(read, run.sent[0], 200, { id: 9007199254740993n });
  assert.equal(came.json().id, 9007199254740993n);
});

test("an event of a type without a function is ignored", async () => {
  const run = await new Host().run(handler({ "a.*": () => done() }), refund);
  assert.equal(run.result.reason, "the handler has no function for charge.refunded");
});

test("a handler's table and export are checked", () => {
  assert.throws(() => handler({}), /empty/);
  assert.throws(() => handler({ a: 5 }), /"a" has to be a function, not the number 5/);
  assert.throws(() => handler("a"), /takes a function or an object/);
  assert.throws(() => handlerOf({ handle() {} }, "src/handler.js"), {
    message:
      /^src\/handler.js has no default export \(only handle\). Write `export default handler/,
  });
  assert.throws(
    () => handlerOf({ default: { handle() {} } }, "h.js"),
    /exports an object by default/,
  );
});

test("both forms of Stripe's events are read alike", async () => {
  const thin = event("v1.charge.refunded", {
    id: "evt_2",
    livemode: false,
    context: "org_1/acct_2",
  });
  const host = new Host().resolve(thin, { id: "ch_1" });
  let read;
  const handle = (event) => (
    (read = stripe.read(event)),
    ignored(stripe.otherMode(read) ?? "acts")
  );
  const run = await host.run(handle, thin);
  assert.deepEqual(read.object, { id: "ch_1" });
  assert.deepEqual([read.kind, read.account], ["charge.refunded", "acct_2"]);
  assert.match(run.result.reason, /of the test mode, and this handler acts on live events alone/);
  const missing = await new Host().run(handle, thin);
  assert.match(missing.result.message, /`resolve`/);
  await host.run((event) => ((read = resolved.object().json(event)), done()), thin);
  assert.deepEqual(read, { id: "ch_1" });
  assert.equal((await new Host().run(handle, refund)).result.reason, "acts");
  assert.deepEqual(
    [stripe.idOf("a"), stripe.idOf({ id: "b" }), stripe.idOf(null)],
    ["a", "b", undefined],
  );
});

test("every order of events is made", () => {
  assert.equal(orders([1, 2, 3]).length, 6);
});

test("a fetch has the answer that is prepared for it, and is denied without one", async () => {
  const url = "https://crm.example.com/score";
  const host = new Host().answer("GET", url, { headers: { "X-A": "1" }, body: { n: 2 ** 60 } });
  const big = { status: 500, body: '{"n":9007199254740993}' };
  host.answer("POST", url, big);
  const ask = event("a", {});
  const run = await host.run(async () => {
    const first = await fetch(url);
    assert.deepEqual([first.ok, first.status, first.headers.get("x-a")], [true, 200, "1"]);
    const second = await fetch(new URL(url), { method: "post", body: "x" });
    assert.deepEqual([second.ok, (await second.json()).n], [false, 9007199254740993n]);
    await assert.rejects(fetch(url, { retries: 3 }), /there is no option "retries"/);
    await assert.rejects(fetch(url, { redirect: "follow" }), /redirects are not followed/);
    // The query may hold credentials, and the reason is recorded.
    await fetch(`${url}?key=s3cret`);
    return done();
  }, ask);
  assert.ok(run.result instanceof Reject);
  assert.match(run.result.message, /^fetch https:\/\/crm\.example\.com\/score\?…: /);
  assert.match(run.result.message, /no answer is prepared: host.answer\("GET"/);
});
