// Mistakes of handlers in JavaScript and TypeScript, a function each. `javascript.rs` says how each
// has to end.

import { done, emit, handler, ignored, log, outbox, Reject, Retry, schedule, state, type Event } from "tollgate-handler";

/** Does what the types forbid, as JavaScript may. */
const wild = (value: unknown): never => value as never;

const URL_OF_SHOP = "https://shop.example.com/paid";

async function later<T>(value: T): Promise<T> {
  await null;
  return value;
}

function deep(event: Event): string {
  const body = event.json<{ data?: { id: string } }>();
  return body.data!.id;
}

const wrong: Record<string, (event: Event) => unknown> = {
  nothing: () => {},
  text: () => "done",
  bare: () => ({ tag: "ok" }),
  retry: () => new Retry("later"),
  error: () => new Error("oh"),
  undefined: (event) => deep(event),
  thrown: () => {
    throw "a text";
  },
  rejected: async () => {
    await later(1);
    throw new RangeError("too much");
  },
  floating: () => {
    void later(1).then(() => {
      throw new Error("nobody waits");
    });
    return done();
  },
  never: () => new Promise(() => {}),
  nan: () => state.add("n", Number.NaN),
  half: () => state.add("n", 1.5),
  huge: () => state.add("n", 2n ** 64n - 1n),
  digits: () => state.add("n", wild("5")),
  byte: () => state.setBytes("n", [300]),
  body: () => outbox.post(URL_OF_SHOP, { json: { amount: Number.NaN } }),
  option: () => outbox.post(URL_OF_SHOP, wild({ jsn: {} })),
  surrogate: () => state.set("\ud800", 1),
  timer: () => (globalThis as any).setTimeout(() => {}, 1000),
  fetch: () => (globalThis as any).fetch(URL_OF_SHOP),
  limit: () => state.listBytes("", { limit: 3e9 }),
};

const right: Record<string, (event: Event) => unknown> = {
  // What follows an inner await happens before the answer.
  drained: async () => {
    void later("a").then((value) => state.set("floating", value));
    const [one, two] = await Promise.all([later(1), later(2)]);
    for await (const three of [later(3)]) state.set("sum", one + two + three);
    queueMicrotask(() => state.set("micro", true));
    await new Promise((resolve) => (globalThis as any).setTimeout(resolve, 0));
    return done();
  },
  // An integer beyond 2^53 comes through whole.
  exact: (event) => {
    const { amount } = event.json<{ amount: bigint }>();
    state.set("amount", { amount, text: event.json({ integers: "text" }).amount });
    emit.event("noted", { json: { amount } });
    return done();
  },
  globals: () => {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const copy = structuredClone({ at: new Date(0), m: new Map([[1, "ä"]]) });
    const url = new URL("https://a.example/x?b=1&b=2");
    state.set("globals", {
      text: new TextDecoder().decode(new TextEncoder().encode("ä€😀")),
      clone: [copy.at.toISOString(), copy.m.get(1)],
      url: url.searchParams.getAll("b"),
      random: bytes.length === 8 && Math.random() !== Math.random(),
      uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID()),
      now: performance.now() > 0 && performance.now() < 60_000,
      date: Date.now() > 1_700_000_000_000,
    });
    console.log("a %s and %d", "text", 5, { n: [1n] });
    return done();
  },
  chance: () => {
    log.info(`chance ${Math.random()} ${crypto.randomUUID()}`);
    return done();
  },
  strange: () => {
    log.info("half \ud800 a pair", { value: "\udfff", list: [1, { a: null }] });
    log.warn("x".repeat(100_000));
    return ignored("half \ud800 a pair");
  },
  waits: () => {
    state.set("lost", 1);
    throw new Retry("busy", { after: "10m" });
  },
  refuses: () => {
    schedule.put("lost", { kind: "a", after: "1d" });
    throw new Reject("no such order");
  },
};

export default handler(wild({ ...wrong, ...right }));
