//! Events in Stripe's form.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The start of the demo's story, in seconds since the Unix epoch. It is the present time, so
/// events that handlers schedule for later days are not due during the demo.
static START: LazyLock<u64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
});

/// Seconds in a day.
const DAY: u64 = 24 * 60 * 60;

/// An event of the demo's provider.
#[derive(Clone, Debug)]
pub(crate) struct StripeEvent {
    /// Stripe's id, `evt_…`.
    pub(crate) id: String,
    /// The event type.
    pub(crate) kind: String,
    body: Value,
}

impl StripeEvent {
    /// Makes an event about `object` that happened `day` days into the story.
    pub(crate) fn new(id: &str, kind: &str, day: u64, object: Value) -> Self {
        let body = json!({
            "id": format!("evt_{id}"),
            "object": "event",
            "api_version": "2025-09-30.clover",
            "created": *START + DAY * day,
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
            "data": { "object": object },
        });
        Self {
            id: format!("evt_{id}"),
            kind: kind.into(),
            body,
        }
    }

    /// Returns the bytes to post.
    pub(crate) fn payload(&self) -> String {
        self.body.to_string()
    }

    /// Returns the same event with other bytes, as Stripe resends it later.
    pub(crate) fn resent(&self) -> Self {
        let mut again = self.clone();
        again.body["pending_webhooks"] = json!(0);
        again
    }
}

/// Makes `payment_intent.succeeded` for an order.
pub(crate) fn paid(id: &str, order: &str, amount: u64) -> StripeEvent {
    let object = json!({
        "id": format!("pi_{order}"),
        "object": "payment_intent",
        "amount": amount,
        "amount_received": amount,
        "currency": "eur",
        "customer": "cus_ada",
        "metadata": { "order_id": order },
        "receipt_email": null,
        "status": "succeeded",
    });
    StripeEvent::new(id, "payment_intent.succeeded", 0, object)
}

/// Makes `checkout.session.completed` for the same order.
pub(crate) fn checkout(id: &str, order: &str, amount: u64, email: &str) -> StripeEvent {
    let object = json!({
        "id": format!("cs_{order}"),
        "object": "checkout.session",
        "amount_total": amount,
        "currency": "eur",
        "customer": "cus_ada",
        "customer_details": { "email": email, "name": "Ada" },
        "metadata": { "order_id": order },
        "mode": "payment",
        "payment_intent": format!("pi_{order}"),
        "payment_status": "paid",
        "status": "complete",
    });
    StripeEvent::new(id, "checkout.session.completed", 0, object)
}

/// Makes an event of a customer. Its handler fails this number of attempts.
pub(crate) fn customer(id: &str, kind: &str, name: &str, fail_attempts: u32) -> StripeEvent {
    let object = json!({
        "id": format!("cus_{id}"),
        "object": "customer",
        "email": format!("{}@example.com", name.to_lowercase()),
        "name": name,
        "metadata": { "fail_attempts": fail_attempts.to_string() },
    });
    StripeEvent::new(id, kind, 0, object)
}

/// Makes an event of a type that no route matches.
pub(crate) fn unrouted(id: &str) -> StripeEvent {
    StripeEvent::new(
        id,
        "product.created",
        0,
        json!({ "id": "prod_1", "object": "product" }),
    )
}

/// Makes `invoice.payment_failed` or `invoice.paid` of a subscription, on a day of the story.
pub(crate) fn invoice(id: &str, kind: &str, day: u64, attempt: u32) -> StripeEvent {
    let paid = kind == "invoice.paid";
    let object = json!({
        "id": "in_1",
        "object": "invoice",
        "amount_due": 1900,
        "amount_remaining": if paid { 0 } else { 1900 },
        "attempt_count": attempt,
        "billing_reason": "subscription_cycle",
        "currency": "eur",
        "customer": "cus_alan",
        "customer_email": "alan@example.com",
        "hosted_invoice_url": "https://invoice.example.com/in_1",
        "next_payment_attempt": if paid { None } else { Some(*START + DAY * (day + 4)) },
        "parent": {
            "type": "subscription_details",
            "subscription_details": { "subscription": "sub_alan" },
        },
        "status": if paid { "paid" } else { "open" },
    });
    StripeEvent::new(id, kind, day, object)
}

/// Makes `customer.subscription.updated` of the same subscription.
pub(crate) fn subscription(id: &str, day: u64, status: &str) -> StripeEvent {
    let object = json!({
        "id": "sub_alan",
        "object": "subscription",
        "customer": "cus_alan",
        "status": status,
    });
    StripeEvent::new(id, "customer.subscription.updated", day, object)
}
