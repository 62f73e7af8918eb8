//! Requests as Stripe sends them: signed events of 2 KB, ready to be written to a socket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret of all contenders.
pub(crate) const SECRET: &str = "whsec_bench";

/// The path of all contenders.
pub(crate) const PATH: &str = "/webhooks/stripe";

/// The length of every body in bytes.
pub(crate) const BODY: usize = 2048;

/// The number of the next event. It makes every event of a run a new one.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The kind of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// No route matches the event.
    Unrouted,
    /// The handler parses the event and is done.
    Parsed,
    /// The event is one of a thousand customers. Its handler runs events side by side.
    SideBySide,
    /// The event is one of a thousand customers. Its handler runs each customer's events in
    /// order.
    Ordered,
    /// A paid checkout for the fulfillment handler.
    Order,
    /// The handler loops for ever.
    Loop,
}

/// Consecutive requests in one block of memory.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// Makes this number of new events of a kind, signed now.
    pub(crate) fn of(kind: Kind, count: usize) -> Result<Self> {
        let mut batch = Self::default();
        batch.bytes.reserve(count * (BODY + 256));
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        for _ in 0..count {
            batch.push(timestamp, &body(kind))?;
        }
        Ok(batch)
    }

    /// Returns the number of requests.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the bytes of a request.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// Returns the bodies alone, for appending to a file.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| {
            let request = self.get(index);
            &request[request.len() - BODY..]
        })
    }

    fn push(&mut self, timestamp: u64, body: &str) -> Result<()> {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nuser-agent: Stripe/1.0\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\
             stripe-signature: t={timestamp},v1={signature}\r\n\r\n",
            body.len(),
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(body.as_bytes());
        self.ends.push(self.bytes.len());
        Ok(())
    }
}

/// Returns the body of a new event, padded to [`BODY`] bytes.
fn body(kind: Kind) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (name, object) = match kind {
        Kind::Unrouted => ("charge.succeeded", intent(number)),
        Kind::Parsed => ("payment_intent.succeeded", intent(number)),
        Kind::SideBySide => ("invoice.created", of_customer(number)),
        Kind::Ordered => ("invoice.paid", of_customer(number)),
        Kind::Order => ("checkout.session.completed", session(number)),
        Kind::Loop => ("charge.failed", json!({ "steps": [{ "do": "loop" }] })),
    };
    let mut event = json!({
        "id": id("evt", number),
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": 1_790_000_000,
        "data": { "object": object },
        "livemode": true,
        "pending_webhooks": 1,
        "request": { "id": "req_8sC1kBVsQdQm0R", "idempotency_key": null },
        "type": name,
        "filling": "",
    });
    let missing = BODY.saturating_sub(event.to_string().len());
    event["filling"] = Value::from("x".repeat(missing));
    event.to_string()
}

/// An id in the form of Stripe's, with 24 letters and digits.
fn id(prefix: &str, mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut id = format!("{prefix}_1MtwBwLkdIwHu7ix");
    for _ in 0..8 {
        id.push(char::from(DIGITS[(number % 62) as usize]));
        number /= 62;
    }
    id
}

/// Returns a payment, the object of most events.
pub(crate) fn intent(number: u64) -> Value {
    json!({
        "id": id("pi", number),
        "object": "payment_intent",
        "amount": 4200,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": 4200,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "created": 1_790_000_000,
        "currency": "eur",
        "customer": "cus_QXg1dVeyvPXbBE",
        "description": "Order A-1001",
        "last_payment_error": null,
        "latest_charge": "ch_3Pga0YLkdIwHu7ix0hBzC5dL",
        "livemode": true,
        "metadata": { "order_id": format!("A-{number}") },
        "payment_method_types": ["card", "link"],
        "shipping": {
            "address": {
                "city": "Berlin", "country": "DE", "line1": "Unter den Linden 1",
                "postal_code": "10117",
            },
            "name": "Ada",
        },
        "status": "succeeded",
    })
}

fn of_customer(number: u64) -> Value {
    let mut object = intent(number);
    object["customer"] = format!("cus_{:014}", number % 1000).into();
    object
}

fn session(number: u64) -> Value {
    json!({
        "id": id("cs", number),
        "object": "checkout.session",
        "amount_total": 4200,
        "currency": "eur",
        "customer": "cus_QXg1dVeyvPXbBE",
        "customer_details": { "email": "ada@example.com", "name": "Ada" },
        "metadata": { "order_id": format!("A-{number}") },
        "mode": "payment",
        "payment_intent": id("pi", number),
        "payment_status": "paid",
        "status": "complete",
    })
}
