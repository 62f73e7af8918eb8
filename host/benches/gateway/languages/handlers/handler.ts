// Parses the event and checks the amount.
import { Reject, done, handler } from "tollgate-handler";

interface Payment {
  data: { object: { amount_received: number | bigint } };
}

export default handler({
  "payment_intent.succeeded": (event) => {
    if (!(event.json<Payment>().data.object.amount_received > 0)) {
      throw new Reject("there is nothing to pay");
    }
    return done();
  },
});
