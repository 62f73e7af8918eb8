// The purpose of a payment: an order, or an invoice such as that of a subscription's renewal.
// plugins/fulfillment/src/purpose.rs says what Stripe's API versions tell of it.

import type { Fields } from "./fields.js";

/** The descriptions that Stripe gives to the payments of invoices. */
const OF_INVOICES = ["Subscription creation", "Subscription update", "Payment for Invoice"];

export type Purpose = { is: "order" } | { is: "invoice"; invoice: string } | { is: "open" };

/** The purpose of a payment intent. `named` means that it has an order id. */
export function purposeOf(intent: Fields, named: boolean): Purpose {
  const details = intent.object("payment_details");
  const reference = details?.text("order_reference");
  const invoice = intent.reference("invoice");
  if (invoice !== undefined) return { is: "invoice", invoice: `the invoice ${invoice}` };
  if (intent.has("invoice")) return { is: "order" };
  if (reference?.startsWith("in_")) {
    return { is: "invoice", invoice: `the invoice ${reference}` };
  }
  const description = intent.text("description");
  if (description !== undefined && OF_INVOICES.includes(description)) {
    return { is: "invoice", invoice: `an invoice ("${description}")` };
  }
  const ofSession = reference?.startsWith("cs_") || reference?.startsWith("prod_");
  const told = details?.has("order_reference") ?? false;
  const isOrder = named || hasNoCustomer(intent) || (told && !ofSession);
  return { is: isOrder ? "order" : "open" };
}

/** Each invoice and each subscription has a customer. */
function hasNoCustomer(intent: Fields): boolean {
  const none = intent.has("customer") && intent.reference("customer") === undefined;
  return none && intent.reference("customer_account") === undefined;
}
