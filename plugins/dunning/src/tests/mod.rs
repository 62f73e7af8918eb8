//! Tests of the way through the phases, and of arrival in any order.

mod arrival;
mod bills;
mod calendar;
mod phases;
mod shapes;
mod thin;

use serde_json::Value;
use tollgate_handler::prelude::*;
use tollgate_handler::testing::{self, Host, Run};

use super::handle;
use crate::facts::Facts;
use crate::phase::{Phase, Rules};

const MAIL: &str = "https://mail.example.com/send";
const ACCESS: &str = "https://app.example.com/access";

/// The start of every test: seconds since the Unix epoch.
const START: i64 = 1_760_000_000;
const DAY: i64 = 24 * 60 * 60;

fn host() -> Host {
    Host::new()
        .config("mail_url", MAIL)
        .config("access_url", ACCESS)
}

fn stripe(kind: &str, at: i64, object: Value) -> Event {
    let id = format!("evt_{kind}_{at}_{}", object["id"].as_str().unwrap());
    testing::event(
        kind,
        &json!({
            "id": id, "object": "event", "type": kind, "created": at, "livemode": true,
            "pending_webhooks": 2, "data": {"object": object},
        }),
    )
}

fn invoice(kind: &str, id: &str, at: i64, attempt: u32, next: Option<i64>) -> Event {
    stripe(
        kind,
        at,
        json!({
            "id": id, "object": "invoice", "customer": "cus_1", "customer_email": "ada@example.com",
            "attempt_count": attempt, "next_payment_attempt": next, "status": "open",
            "collection_method": "charge_automatically", "due_date": null,
            "billing_reason": "subscription_cycle", "amount_due": 900, "amount_remaining": 900,
            "currency": "eur", "hosted_invoice_url": "https://invoice.stripe.com/i/1",
            "parent": {
                "type": "subscription_details",
                "subscription_details": {"subscription": "sub_1", "metadata": {}},
            },
        }),
    )
}

/// Makes a failure to collect an invoice, with this attempt number and another attempt to come.
fn failed(id: &str, attempt: u32, at: i64) -> Event {
    invoice(
        "invoice.payment_failed",
        id,
        at,
        attempt,
        Some(at + 3 * DAY),
    )
}

/// Makes a failure to collect an invoice, with this attempt number and no other attempt to come.
fn failed_at_last(id: &str, attempt: u32, at: i64) -> Event {
    invoice("invoice.payment_failed", id, at, attempt, None)
}

fn paid(id: &str, at: i64) -> Event {
    invoice("invoice.paid", id, at, 1, None)
}

/// Makes an event of an invoice that the customer pays by themselves until a due date. Stripe never
/// tries to collect such an invoice.
fn bill(kind: &str, id: &str, at: i64, due: i64) -> Event {
    changed(
        &invoice(kind, id, at, 0, None),
        json!({"collection_method": "send_invoice", "due_date": due}),
    )
}

/// Returns the event with other values in its object.
fn changed(event: &Event, more: Value) -> Event {
    let mut body: Value = event.json().unwrap();
    for (key, value) in more.as_object().unwrap() {
        body["data"]["object"][key] = value.clone();
    }
    testing::event(&event.kind, &body)
}

fn updated(status: &str, at: i64) -> Event {
    let object =
        json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status});
    stripe("customer.subscription.updated", at, object)
}

fn deleted(at: i64) -> Event {
    let object =
        json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "canceled"});
    stripe("customer.subscription.deleted", at, object)
}

/// Runs an event. The run must succeed.
fn tell(host: &mut Host, event: &Event) -> Run {
    let run = host.run(handle, event.clone());
    assert!(run.result.is_ok(), "{}: {:?}", event.kind, run.result);
    run
}

fn after(events: &[Event]) -> Host {
    let mut host = host();
    for event in events {
        tell(&mut host, event);
    }
    host
}

fn facts(host: &Host) -> Facts {
    host.get("subscription/sub_1").unwrap_or_default()
}

fn phase(host: &Host) -> Phase {
    Phase::of(
        &facts(host),
        &Rules {
            reminders: 3,
            interval: 3 * DAY,
            grace: 7 * DAY,
        },
    )
}

/// Returns the effects of a run in short form: `payment_reminder 2`, `access suspended`,
/// `subscription.suspended`.
fn effects(run: &Run) -> Vec<String> {
    let requests = run.sent.iter().map(|sent| {
        assert_eq!(sent.request.order_key.as_deref(), Some("sub_1"));
        let body = sent.json();
        match sent.request.url.as_str() {
            ACCESS => format!("access {}", body["access"].as_str().unwrap()),
            MAIL => match body["level"].as_u64() {
                Some(level) => format!("{} {level}", body["template"].as_str().unwrap()),
                None => body["template"].as_str().unwrap().to_owned(),
            },
            other => panic!("a request to {other}"),
        }
    });
    let events = run.emitted.iter().map(|e| e.event.kind.clone());
    requests.chain(events).collect()
}

fn is_ignored(run: &Run) -> bool {
    matches!(run.result, Ok(Outcome::Ignored(_)))
}
