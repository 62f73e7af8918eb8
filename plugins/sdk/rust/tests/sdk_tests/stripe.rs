//! Realistic events of Stripe, each as its type.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_handler::stripe::{
    Charge, ChargeStatus, CheckoutMode, CheckoutSession, Dispute, DisputeStatus, Invoice,
    InvoiceStatus, PaymentIntent, PaymentIntentStatus, Payout, PayoutStatus, Reading, Refund,
    RefundStatus, StripeEvent, Subscription, SubscriptionStatus, read as read_either,
};
use tollgate_handler::testing::{self, Host};
use tollgate_handler::{Event, done};

use crate::fixtures::{events, read};

fn as_event<T: DeserializeOwned>(event: &Value) -> StripeEvent<T> {
    let kind = event["type"].as_str().expect("a type");
    let read = read::<StripeEvent<T>>(kind, event);
    assert_eq!(read.kind, kind);
    assert_eq!(Some(read.livemode), Some(event["livemode"].as_bool()));
    read
}

/// What every type has: id, amount, currency and status.
type Summary = (Option<String>, Option<i64>, Option<String>, Option<String>);

/// Returns what was read of an event's object.
fn summary(event: &Value) -> Summary {
    match event["data"]["object"]["object"].as_str().expect("a name") {
        "payment_intent" => of_payment_intent(as_event(event).data.object),
        "checkout.session" => of_session(as_event(event).data.object),
        "invoice" => of_invoice(as_event(event).data.object),
        "subscription" => of_subscription(as_event(event).data.object),
        "charge" => of_charge(as_event(event).data.object),
        "refund" => of_refund(as_event(event).data.object),
        "dispute" => of_dispute(as_event(event).data.object),
        "payout" => of_payout(as_event(event).data.object),
        other => panic!("no type for {other}"),
    }
}

fn text(status: impl std::fmt::Display) -> Option<String> {
    Some(status.to_string())
}

fn of_payment_intent(o: PaymentIntent) -> Summary {
    let known = !matches!(o.status, PaymentIntentStatus::Other(_));
    assert!(known && o.payer().is_some(), "{o:?}");
    (Some(o.id), Some(o.amount), Some(o.currency), text(o.status))
}

fn of_session(o: CheckoutSession) -> Summary {
    assert_eq!(o.mode, CheckoutMode::Payment);
    (
        Some(o.id),
        o.amount_total,
        o.currency,
        o.status.and_then(text),
    )
}

fn of_invoice(o: Invoice) -> Summary {
    let paid = o.status == Some(InvoiceStatus::Paid);
    assert!(o.subscription().is_some() && o.is_paid() == paid, "{o:?}");
    (
        o.id,
        o.amount_due,
        Some(o.currency),
        o.status.and_then(text),
    )
}

fn of_subscription(o: Subscription) -> Summary {
    let known = !matches!(o.status, SubscriptionStatus::Other(_));
    assert!(known && o.current_period_end().is_some(), "{o:?}");
    (Some(o.id), None, o.currency, text(o.status))
}

fn of_charge(o: Charge) -> Summary {
    assert!(!matches!(o.status, None | Some(ChargeStatus::Other(_))));
    (
        Some(o.id),
        Some(o.amount),
        Some(o.currency),
        o.status.and_then(text),
    )
}

fn of_refund(o: Refund) -> Summary {
    assert_eq!(o.status, Some(RefundStatus::Succeeded));
    (
        Some(o.id),
        Some(o.amount),
        Some(o.currency),
        o.status.and_then(text),
    )
}

fn of_dispute(o: Dispute) -> Summary {
    assert!(!matches!(o.status, DisputeStatus::Other(_)));
    assert_eq!(o.network_reason(), Some("13.1"));
    (Some(o.id), Some(o.amount), Some(o.currency), text(o.status))
}

fn of_payout(o: Payout) -> Summary {
    assert!(matches!(
        o.status,
        PayoutStatus::Paid | PayoutStatus::Failed
    ));
    (Some(o.id), Some(o.amount), Some(o.currency), text(o.status))
}

#[test]
fn every_event_is_read_with_the_values_that_are_there() {
    let events = events("stripe.json");
    let mut kinds = BTreeMap::new();
    for event in &events {
        let object = &event["data"]["object"];
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        let amount = ["amount", "amount_total", "amount_due"];
        let amount = amount.iter().find_map(|name| object[name].as_i64());
        let there = (text("id"), amount, text("currency"), text("status"));
        assert_eq!(summary(event), there, "{event}");
        *kinds.entry(text("object")).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 8, "each type has an event: {kinds:?}");
}

/// The events of this type: one for each API version, the oldest first.
fn versions(kind: &str) -> Vec<Value> {
    let mut all = events("stripe.json");
    all.retain(|event| event["type"] == kind);
    all.sort_by_key(|event| event["api_version"].to_string());
    assert_eq!(all.len(), 3, "{kind}");
    assert_ne!(all[0], all[2]);
    all
}

/// Checks that an event says the same in each of its shapes.
fn alike<T: DeserializeOwned, V: PartialEq + std::fmt::Debug>(kind: &str, say: fn(&T) -> V) -> V {
    let mut said = versions(kind).into_iter().map(|event| {
        let read = as_event::<T>(&event);
        say(&read.data.object)
    });
    let first = said.next().expect("there are versions");
    for other in said {
        assert_eq!(first, other, "{kind}");
    }
    first
}

#[test]
fn an_event_says_the_same_in_all_api_versions() {
    let subscription = alike::<Invoice, _>("invoice.paid", |o| o.subscription().map(String::from));
    assert!(subscription.is_some_and(|id| id.starts_with("sub_")));
    let lines = alike::<Invoice, _>("invoice.paid", |o| {
        let lines = &o.lines.as_ref().expect("lines").data;
        let told = lines.iter().map(|line| {
            (
                line.price().map(String::from),
                line.subscription().map(String::from),
                line.is_proration(),
                line.amount,
            )
        });
        told.collect::<Vec<_>>()
    });
    assert!(lines[0].0.is_some() && lines[0].1.is_some(), "{lines:?}");
    let paid = alike::<Invoice, _>("invoice.paid", |o| (o.is_paid(), o.amount_paid));
    assert!(paid.0);
    let shipping = alike::<CheckoutSession, _>("checkout.session.completed", |o| {
        (
            o.shipping().cloned(),
            o.email().map(String::from),
            o.is_settled(),
        )
    });
    assert!(shipping.0.is_some() && shipping.1.is_some() && shipping.2);
    let invoice = alike::<Charge, _>("charge.refunded", |o| {
        o.invoice().flatten().map(String::from)
    });
    assert_eq!(invoice, None);
    let charge = alike::<PaymentIntent, _>("payment_intent.succeeded", |o| {
        (
            o.charge().map(String::from),
            o.invoice().flatten().map(String::from),
        )
    });
    assert!(charge.0.is_some() && charge.1.is_none());
}

#[test]
fn the_period_of_a_subscription_is_told_in_all_api_versions() {
    for event in versions("customer.subscription.updated") {
        let object = as_event::<Subscription>(&event).data.object;
        let (start, end) = (object.current_period_start(), object.current_period_end());
        let raw = &event["data"]["object"];
        let item = &raw["items"]["data"][0];
        let raw = if raw["current_period_end"].is_null() {
            item
        } else {
            raw
        };
        assert_eq!(end, raw["current_period_end"].as_i64());
        assert!(start.is_some() && start < end, "{event}");
        assert_eq!(start, raw["current_period_start"].as_i64());
    }
}

#[test]
fn a_thin_event_is_read_as_the_same_type() {
    let snapshot = versions("invoice.paid").remove(2);
    let event = testing::event("invoice.paid", &snapshot);
    let thin = testing::thin(&event);
    let mut host = Host::new();
    host.resolve(&thin, Some(snapshot["data"]["object"].clone()));
    let mut subscription = None;
    let handle = |event: Event| {
        if let Reading::Found(envelope) = read_either::<Invoice>(&event)? {
            subscription = envelope.data.object.subscription().map(String::from);
        }
        done()
    };
    assert_eq!(host.run(handle, thin).result, done());
    assert!(subscription.is_some());
}
