// Compiled by `npm run types`: what a handler may write, and what its editor underlines.

import {
  config,
  done,
  type Event,
  handler,
  ignored,
  log,
  outbox,
  Reject,
  Retry,
  schedule,
  state,
} from "tollgate-handler";
import { event, Host, orders } from "tollgate-handler/testing";

interface Charge {
  id: string;
  amount: number | bigint;
}

export default handler({
  "charge.refunded": async (event: Event) => {
    const charge: Charge = event.json<{ data: { object: Charge } }>().data.object;
    const seen = state.get<number>("seen") ?? 0;
    state.add("refunded", charge.amount);
    state.delete("old");
    outbox.post(config.require("url"), { json: { seen }, headers: { a: 1 } });
    schedule.put("k", { kind: "reminder.due", after: "3d" });
    log.info("noted", { id: charge.id });
    if (event.replay) throw new Retry("later", { after: "10m" });
    if (event.subject === null) throw new Reject("no subject");
    return done();
  },
  "charge.*": (event) => ignored(event.kind),
});

handler((event) => ignored(event.id));
// @ts-expect-error A handler returns an outcome.
handler(() => {});
// @ts-expect-error A reason is a text.
new Reject(5);
// @ts-expect-error A delta is a number.
state.add("a", "5");
// @ts-expect-error There is no such option.
outbox.post("https://a.example", { jsn: {} });

export async function used(): Promise<void> {
  const run = await new Host().config("a", 1).run(() => done(), event("a", {}));
  console.log(run.sent[0]?.json(), orders([1, 2]), new URL("https://a.example").href);
}
