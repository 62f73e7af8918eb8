// The cases of the old switch, one function each. The handler does nothing itself: it queues the
// calls that the shop answers.

import { config, done, handler, ignored, outbox } from "tollgate-handler";

export default handler({
  "checkout.session.completed": (event) => {
    const session = event.json().data.object;
    if (session.payment_status !== "paid") return ignored(`${session.id} is not paid yet`);
    call(`orders/${session.id}`, { amount: session.amount_total, currency: session.currency });
    return done();
  },

  "invoice.payment_failed": (event) => {
    const invoice = event.json().data.object;
    call(`reminders/${invoice.id}/${invoice.attempt_count}`, { email: invoice.customer_email });
    return done();
  },

  "customer.subscription.deleted": (event) => {
    call(`closed/${event.json().data.object.id}`, {});
    return done();
  },
});

function call(path, json) {
  outbox.put(`${config.require("shop_url")}/internal/${path}`, { json });
}
