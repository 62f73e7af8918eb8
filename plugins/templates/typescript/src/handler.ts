// Tells the shop once about each `{{event}}`.

import { config, done, handler, ignored, log, outbox, state } from "tollgate-handler";

/** The fields of the event that this handler needs. */
interface Payment {
  data: {
    object: {
      id: string;
      // A whole number of cents. Beyond 2^53 it is a BigInt, so that no cent is lost.
      {{amount}}: number | bigint;
      currency: string;
    };
  };
}

export default handler({
  "{{event}}": async (event) => {
    const { object } = event.json<Payment>().data;

    // Providers send an event again, and several events may tell of one payment: the state says
    // what was done already.
    const seen = `seen/${object.id}`;
    if (state.contains(seen)) return ignored(`${object.id} was told before`);
    state.setBytes(seen, event.id);
    state.add(`total/${object.currency}`, object.{{amount}});

    // The request goes out after the commit, and not at all if the handler fails.
    outbox.post(config.require("notify_url"), {
      json: { id: object.id, amount: object.{{amount}}, currency: object.currency },
      orderKey: object.id,
    });
    log.info("told the shop", { object: object.id });
    return done();
  },
});
