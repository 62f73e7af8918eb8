// The switch of the old route. Each case does its work while the provider waits for an answer.

export async function act(event, shop) {
  const object = event.data.object;
  switch (event.type) {
    case "checkout.session.completed":
      if (object.payment_status !== "paid") break;
      await shop.fulfil(object.id, { amount: object.amount_total, currency: object.currency });
      break;
    case "invoice.payment_failed":
      await shop.remind(object.id, object.attempt_count, object.customer_email);
      break;
    case "customer.subscription.deleted":
      await shop.close(object.id);
      break;
  }
}
