// An observation: the contents of one event about a payment, in one form for both of Stripe's
// objects.

import { config, type Event, stripe } from "tollgate-handler";

import { Fields, present } from "./fields.js";
import { purposeOf } from "./purpose.js";

/** An amount in the currency's minor unit. */
export interface Money {
  amount: number | bigint;
  currency: string;
}

/** The contents of one event about a payment. */
export interface Observation {
  /** The payment intent's id or, if there is nothing to pay, the session's id. */
  payment: string;
  /** The account and the mode: each has order ids of its own. */
  scope: string;
  /** True if the event shows that the payment is for an order. */
  isOrder: boolean;
  order: string | undefined;
  /** The paid amount; undefined for an unpaid session. */
  paid: Money | undefined;
  email: string | undefined;
  /** True for a session, whose addresses take precedence over those of a payment intent. */
  bySession: boolean;
  /** The shipping address in Stripe's form. */
  shipping: unknown;
}

/** The result of reading an event. */
export type Reading =
  | { is: "observed"; observation: Observation }
  | { is: "refunded"; payment: string }
  | { is: "irrelevant"; reason: string };

const irrelevant = (reason: string): Reading => ({ is: "irrelevant", reason });

/** Reads `payment_intent.succeeded`. */
export function ofPaymentIntent(event: Event): Reading {
  return found(event, (intent, scope) => {
    const id = intent.required("id", intent.text("id"));
    const amount = intent.required("amount", intent.amount("amount"));
    const currency = intent.required("currency", intent.text("currency"));
    const order = present(intent.object("metadata")?.anyText("order_id"));
    const purpose = purposeOf(intent, order !== undefined);
    if (purpose.is === "invoice") {
      return irrelevant(`${id} is no order: it pays ${purpose.invoice}`);
    }
    const isOrder = purpose.is === "order" || config.boolean("invoices") === false;
    const received = intent.amount("amount_received") ?? amount;
    const succeeded = (intent.text("status") ?? "succeeded") === "succeeded" && received > 0;
    const observation = {
      payment: id,
      scope,
      isOrder,
      order,
      paid: succeeded ? { amount: received, currency } : undefined,
      // A payment that may be no order leaves no personal data: its session has them.
      email: isOrder ? present(intent.text("receipt_email")) : undefined,
      bySession: false,
      shipping: isOrder ? intent.any("shipping") : undefined,
    };
    return { is: "observed", observation };
  });
}

/** Reads an event about a checkout session. */
export function ofSession(event: Event): Reading {
  return found(event, (session, scope) => {
    const id = session.required("id", session.text("id"));
    const mode = session.required("mode", session.text("mode"));
    const status = session.required("payment_status", session.text("payment_status"));
    if (mode !== "payment") return irrelevant(`${id} is a session of mode ${mode}, no order`);
    const isPaid = status === "paid" || status === "no_payment_required";
    const amount = session.amount("amount_total") ?? 0;
    const currency = session.text("currency") ?? "";
    const observation = {
      payment: session.reference("payment_intent") ?? id,
      scope,
      isOrder: true,
      order: present(session.object("metadata")?.anyText("order_id")),
      paid: isPaid ? { amount, currency } : undefined,
      email:
        present(session.object("customer_details")?.text("email")) ??
        present(session.text("customer_email")),
      bySession: true,
      // API versions since 2025-02-24 have the address in `collected_information`.
      shipping:
        session.object("collected_information")?.any("shipping_details") ??
        session.any("shipping_details"),
    };
    return { is: "observed", observation };
  });
}

/** Reads `charge.refunded`. Stripe sends the event for each refund, of a part too. */
export function ofRefund(event: Event): Reading {
  return found(event, (charge) => {
    const id = charge.required("id", charge.text("id"));
    const payment = charge.reference("payment_intent");
    const whole = charge.flag("refunded") && charge.reference("invoice") === undefined;
    return payment !== undefined && whole
      ? { is: "refunded", payment }
      : irrelevant(`${id} is no order that was refunded`);
  });
}

/** Reads an event in either of Stripe's forms, if it is of the mode that the handler acts on. */
function found(event: Event, read: (object: Fields, scope: string) => Reading): Reading {
  const envelope = stripe.read<Record<string, unknown>>(event);
  const otherMode = stripe.otherMode(envelope);
  if (otherMode !== undefined) return irrelevant(otherMode);
  if (envelope.object === undefined) {
    return irrelevant(`${envelope.id}: Stripe no longer has ${event.subject ?? "its object"}`);
  }
  const account = envelope.account ?? "-";
  const scope = envelope.livemode === false ? `test-${account}` : account;
  return read(new Fields(event.kind, envelope.object), scope);
}
