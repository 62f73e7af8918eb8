//! Tests: one order means one parcel and one receipt, whatever the shape of the events.

mod orders;
mod refunds;
mod shapes;
mod thin;

use serde_json::Value;
use tollgate_handler::prelude::*;
use tollgate_handler::testing::{self, Host, orders, with_repeats};

use super::handle;

const WAREHOUSE: &str = "https://warehouse.example.com/orders";
const MAIL: &str = "https://mail.example.com/send";

fn host() -> Host {
    Host::new()
        .config("warehouse_url", WAREHOUSE)
        .config("warehouse", "eu-1")
        .config("mail_url", MAIL)
        .allow("https://warehouse.example.com")
        .allow("https://mail.example.com")
}

fn host_requiring_order_ids() -> Host {
    host().config("order_id", "required")
}

fn stripe(kind: &str, object: Value) -> Event {
    let id = format!("evt_{kind}_{}", object["id"].as_str().unwrap());
    testing::event(
        kind,
        &json!({
            "id": id, "object": "event", "type": kind, "created": 1_760_000_000, "livemode": true,
            "api_version": "2025-03-31.basil", "pending_webhooks": 1, "data": {"object": object},
        }),
    )
}

/// Makes a succeeded payment intent. `more` replaces or adds fields.
fn intent(id: &str, more: Value) -> Event {
    let object = json!({
        "id": id, "object": "payment_intent", "amount": 4200, "amount_received": 4200,
        "currency": "eur", "metadata": {}, "receipt_email": null, "status": "succeeded",
        "shipping": null, "customer": null, "customer_account": null, "description": null,
    });
    stripe("payment_intent.succeeded", merged(object, more))
}

/// Makes a completed and paid session of the payment intent `pi_1`.
fn session(more: Value) -> Event {
    session_event("checkout.session.completed", more)
}

fn session_event(kind: &str, more: Value) -> Event {
    let object = json!({
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid",
        "payment_intent": "pi_1", "amount_total": 4200, "currency": "eur", "metadata": {},
        "customer_email": null, "customer_details": {"email": "ada@example.com", "name": "Ada"},
        "collected_information": {"shipping_details": {"name": "Ada", "address": {"city": "Bonn"}}},
    });
    stripe(kind, merged(object, more))
}

fn merged(mut object: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

fn order(id: &str) -> Value {
    json!({"metadata": {"order_id": id}})
}

/// Runs the events in this order. Each run must succeed.
fn after(mut host: Host, events: &[Event]) -> Host {
    for event in events {
        let run = host.run(handle, event.clone());
        assert!(run.result.is_ok(), "{}: {:?}", event.kind, run.result);
    }
    host
}

fn to<'a>(host: &'a Host, url: &'a str) -> Vec<Value> {
    host.sent
        .iter()
        .filter(|sent| sent.request.url == url)
        .map(|sent| sent.json())
        .collect()
}

fn emitted(host: &Host, kind: &str) -> Vec<Value> {
    host.emitted
        .iter()
        .filter(|e| e.event.kind == kind)
        .map(|e| e.json())
        .collect()
}

/// Returns every order of arrival, unchanged and with each event repeated at the end.
fn arrivals(events: &[Event]) -> Vec<Vec<Event>> {
    orders(events)
        .iter()
        .flat_map(|order| with_repeats(order))
        .collect()
}
