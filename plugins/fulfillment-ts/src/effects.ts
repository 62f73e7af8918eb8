// The effects of the handler: the shipping request, the receipt mail, events.

import { config, emit, outbox } from "tollgate-handler";

import type { Money } from "./observation.js";

/** Asks the warehouse to ship. */
export function ship(order: string, payment: string, paid: Money, shipping: unknown): void {
  const warehouse = config.get("warehouse") ?? null;
  const { amount, currency } = paid;
  outbox.post(config.require("warehouse_url"), {
    json: { order, payment, warehouse, amount, currency, shipping: shipping ?? null },
    orderKey: order,
  });
}

/** Asks the mail service to send the receipt, if `mail_url` is configured. */
export function mailReceipt(to: string, order: string, { amount, currency }: Money): void {
  const url = config.get("mail_url");
  if (url === undefined) return;
  outbox.post(url, { json: { template: "receipt", to, order, amount, currency } });
}

/** Emits an event about the order for other handlers. */
export function tell(kind: string, order: string, payment: string, paid: Money): void {
  const { amount, currency } = paid;
  emit.event(kind, { subject: order, json: { order, payment, amount, currency } });
}
