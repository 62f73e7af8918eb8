// Fulfils each order once, whichever Stripe events report that it is paid: the handler of
// plugins/fulfillment in TypeScript. Its page (plugins/fulfillment/src/lib.rs) describes config and
// output of both. Their effects are the same, byte for byte.

import { type Event, handler, ignored, type Outcome, state, stripe } from "tollgate-handler";

import * as observation from "./observation.js";
import * as payments from "./payment.js";
import type { Payment } from "./payment.js";

export default handler((event) => {
  const reading = read(event);
  if (reading === undefined) return ignored(`${stripe.kind(event)} reports no payment`);
  switch (reading.is) {
    case "observed":
      return act(reading.observation);
    case "refunded":
      return refund(reading.payment);
    case "irrelevant":
      return ignored(reading.reason);
  }
});

function read(event: Event): observation.Reading | undefined {
  switch (stripe.kind(event)) {
    case "payment_intent.succeeded":
      return observation.ofPaymentIntent(event);
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      return observation.ofSession(event);
    case "charge.refunded":
      return observation.ofRefund(event);
    default:
      return undefined;
  }
}

/** Notes that a payment was refunded in full. */
function refund(id: string): Outcome {
  const payment = known(id);
  const reason = payments.refund(payment);
  state.set(key(id), payment);
  return ignored(`${id} was refunded ${reason}`);
}

/** Adds the observation to the data about its payment, then acts on them. */
function act(seen: observation.Observation): Outcome {
  const payment = known(seen.payment);
  payments.learn(payment, seen);
  const outcome = payments.advance(payment, seen);
  state.set(key(seen.payment), payment);
  return outcome;
}

const key = (payment: string): string => `payment/${payment}`;

const known = (id: string): Payment => ({ ...payments.unknown(), ...state.get<Payment>(key(id)) });
