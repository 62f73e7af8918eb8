// Tests of handlers in Node, against a gateway in memory:
//
//   const host = new Host().config("warehouse_url", "https://warehouse.example.com");
//   const run = await host.run(handler, event("charge.refunded", { … }));

export { event, orders, response } from "./events.js";
export { Host } from "./host.js";
