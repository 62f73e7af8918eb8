// The data about one payment. The state keeps them under `payment/ID`, in the form that the handler
// in Rust gives them: one may take the other's place.

import { config, done, ignored, log, type Outcome, Reject } from "tollgate-handler";

import { mailReceipt, ship, tell } from "./effects.js";
import type { Money, Observation } from "./observation.js";
import * as orders from "./orders.js";

/** The progress of a payment's order. */
type Progress = "waiting" | { fulfilled: string } | { paid_twice: string };

export interface Payment {
  order: string | null;
  /** True once an event has shown that the payment is for an order. */
  is_order: boolean;
  paid: Money | null;
  /** True once the payment was refunded in full. */
  refunded: boolean;
  /** The customer's address, until the receipt is queued. */
  email: string | null;
  email_by_session: boolean;
  /** The shipping address, until the order is fulfilled. */
  shipping: unknown;
  progress: Progress;
  /** True once it is settled which payment has the order with the present id. */
  order_settled: boolean;
  receipt_queued: boolean;
}

export const unknown = (): Payment => ({
  order: null,
  is_order: false,
  paid: null,
  refunded: false,
  email: null,
  email_by_session: false,
  shipping: null,
  progress: "waiting",
  order_settled: false,
  receipt_queued: false,
});

/**
 * Adds an observation. Known data stay, with two exceptions: the addresses of a session replace
 * those of a payment intent, and the amount of a payment intent replaces that of a session, because
 * each is the better source. So the order of arrival does not matter.
 */
export function learn(known: Payment, seen: Observation): void {
  known.is_order ||= seen.isOrder;
  if (known.order === null) {
    known.order = seen.order ?? null;
  } else if (seen.order !== undefined && seen.order !== known.order) {
    log.warn("one payment has two order ids; the first one counts", {
      payment: seen.payment,
      first: known.order,
      second: seen.order,
    });
  }
  const exact = !seen.bySession && known.progress === "waiting";
  if (seen.paid && (known.paid === null || exact)) known.paid = seen.paid;
  const better = known.email === null || (seen.bySession && !known.email_by_session);
  if (!known.receipt_queued && seen.email !== undefined && better) {
    known.email = seen.email;
    known.email_by_session = seen.bySession;
  }
  if (known.progress === "waiting" && (known.shipping === null || seen.bySession)) {
    known.shipping = seen.shipping ?? known.shipping;
  }
}

/** Notes that the payment was refunded in full. Returns the reason why nothing else happens. */
export function refund(known: Payment): string {
  known.refunded = true;
  if (known.progress === "waiting") {
    forgetAddresses(known);
    return "before it was fulfilled: nothing is shipped";
  }
  return "fulfilled" in known.progress
    ? "after its order was fulfilled"
    : "and its order was paid by another payment";
}

/** Acts as far as the data allow. */
export function advance(known: Payment, seen: Observation): Outcome {
  const before = { ...known };
  if (known.progress === "waiting") {
    const missing = fulfil(known, seen);
    if (missing !== undefined) return ignored(missing);
  } else if ("fulfilled" in known.progress) {
    settleOrder(known, seen);
  }
  sendReceipt(known);
  const same = before.progress === known.progress && before.receipt_queued === known.receipt_queued;
  return same ? ignored(`${seen.payment} needs no further action`) : done();
}

/** Ships the order. Returns the reason if data are still missing. */
function fulfil(known: Payment, seen: Observation): string | undefined {
  const { payment } = seen;
  if (known.refunded) {
    forgetAddresses(known);
    return `${payment} was refunded: nothing is shipped`;
  }
  const { paid } = known;
  if (paid === null) return `${payment} is not paid yet`;
  if (known.order === null && isOrderIdRequired()) {
    return `${payment} waits for the event with its order id`;
  }
  if (!known.is_order && known.order === null) {
    const why = "may be the payment of an invoice: it waits for the event of a checkout session";
    return `${payment} ${why}`;
  }
  settleOrder(known, seen);
  if (known.progress !== "waiting") return undefined;
  const order = known.order ?? payment;
  ship(order, payment, paid, known.shipping);
  known.shipping = null;
  tell("order.fulfilled", order, payment, paid);
  log.info("fulfilled", { order, payment, amount: String(paid.amount) });
  known.progress = { fulfilled: order };
  return undefined;
}

/** Assigns the order, once its id is known, to this payment, unless another payment has it. */
function settleOrder(known: Payment, { scope, payment }: Observation): void {
  const { order } = known;
  if (order === null || known.order_settled) return;
  const first = orders.paymentOf(scope, order);
  if (first === undefined) {
    orders.assign(scope, order, payment);
  } else {
    log.warn("paid twice", { order, first, second: payment });
    tell("order.paid_twice", order, payment, known.paid ?? { amount: 0, currency: "" });
    known.progress = { paid_twice: first };
    forgetAddresses(known);
  }
  known.order_settled = true;
}

/** Queues the receipt mail, once, when the order is fulfilled and an address is known. */
function sendReceipt(known: Payment): void {
  const { email, paid, progress } = known;
  if (progress === "waiting" || !("fulfilled" in progress)) return;
  if (email === null || paid === null || known.receipt_queued) return;
  mailReceipt(email, progress.fulfilled, paid);
  known.receipt_queued = true;
  forgetAddresses(known);
}

/** Drops the addresses: the state keeps no personal data that the handler no longer needs. */
function forgetAddresses(known: Payment): void {
  known.shipping = null;
  known.email = null;
}

function isOrderIdRequired(): boolean {
  const wanted = config.get("order_id") ?? "optional";
  if (wanted === "optional" || wanted === "required") return wanted === "required";
  throw new Reject(`config \`order_id\` is "optional" or "required", not "${wanted}"`);
}
