//! Payloads that no provider sends: readable mistakes, and nothing worse.

use serde_json::{Value, json};
use tollgate_handler::adyen::NotificationItem;
use tollgate_handler::paypal::{Capture, PayPalEvent};
use tollgate_handler::stripe::{
    Charge, ChargeStatus, Invoice, PaymentIntent, PaymentIntentStatus, StripeEvent, Subscription,
};

use crate::fixtures::{mistake, object};

fn charge(field: &str, value: &str) -> Vec<u8> {
    let mut fields = vec![
        ("id", r#""ch_1""#),
        ("amount", "5"),
        ("currency", r#""eur""#),
    ];
    fields.retain(|(name, _)| *name != field);
    fields.push((field, value));
    let fields: Vec<_> = fields.iter().map(|(n, v)| format!("{n:?}: {v}")).collect();
    let object = fields.join(",\n  ");
    format!(
        r#"{{"id": "evt_1", "type": "charge.refunded", "created": 1, "data": {{
  "previous": [{{"amount": "x"}}, "}}],\"", [1, [2]]],
  "object": {{{object}}}}}}}"#
    )
    .into_bytes()
}

#[test]
fn a_mistake_names_the_field() {
    for (field, value, expected) in [
        ("id", "null", "expected a string"),
        ("id", "7", "expected a string"),
        ("id", "{}", "expected a string"),
        ("currency", "[]", "expected a string"),
        ("amount", r#""5""#, "expected i64"),
        ("amount", "null", "expected i64"),
        ("amount", "5.5", "expected i64"),
        ("amount", "1e3", "expected i64"),
        ("amount", "9223372036854775808", "expected i64"),
        ("status", "5", "expected a string"),
        ("refunded", r#""true""#, "expected a boolean"),
        ("payment_intent", "5", "an id or an object with an id"),
        ("metadata", "[]", "expected a map"),
    ] {
        let why = mistake::<StripeEvent<Charge>>(&charge(field, value));
        assert!(why.starts_with(&format!("data.object.{field}: ")), "{why}");
        assert!(why.contains(expected) && why.contains(" at line "), "{why}");
    }
    let nested = charge("metadata", r#"{"a\"b": 5}"#);
    let why = mistake::<StripeEvent<Charge>>(&nested);
    assert!(why.starts_with(r#"data.object.metadata.a\"b: "#), "{why}");
    let listed = charge(
        "refunds",
        r#"{"data": [{"id": "re_1", "amount": 1, "currency": "eur"},
        {"id": "re_2", "amount": "1"}]}"#,
    );
    let why = mistake::<StripeEvent<Charge>>(&listed);
    assert!(
        why.starts_with("data.object.refunds.data[1].amount: "),
        "{why}"
    );
}

#[test]
fn a_missing_field_is_named_with_its_object() {
    let payload =
        br#"{"id": "evt_1", "type": "t", "created": 1, "data": {"object": {"id": "ch_1"}}}"#;
    let why = mistake::<StripeEvent<Charge>>(payload);
    assert!(
        why.starts_with("data.object: missing field `amount`"),
        "{why}"
    );
    let why = mistake::<StripeEvent<Charge>>(b"{}");
    assert!(why.starts_with("missing field `id`"), "{why}");
}

#[test]
fn broken_json_is_told_as_such() {
    for broken in [
        "",
        "{",
        "[1",
        "\"",
        "{\"id\": \"evt_1\", \"data\": {\"object\"",
        "nul",
    ] {
        let why = mistake::<StripeEvent<Charge>>(broken.as_bytes());
        assert!(
            why.contains("line 1") || why.contains("EOF"),
            "{broken}: {why}"
        );
        mistake::<NotificationItem>(broken.as_bytes());
        mistake::<PayPalEvent<Capture>>(broken.as_bytes());
    }
    for other in ["null", "5", "\"x\"", "true"] {
        mistake::<StripeEvent<Charge>>(other.as_bytes());
        mistake::<NotificationItem>(other.as_bytes());
        mistake::<PayPalEvent<Capture>>(other.as_bytes());
    }
    mistake::<StripeEvent<Charge>>(b"{\"id\": \"\xff\"}");
}

#[test]
fn a_cut_payload_is_a_mistake_at_every_length() {
    let whole = charge(
        "refunds",
        r#"{"data": [{"id": "re_1", "amount": 1, "currency": "eur"}]}"#,
    );
    for end in 0..whole.len() {
        mistake::<StripeEvent<Charge>>(&whole[..end]);
    }
}

#[test]
fn a_long_key_does_not_make_a_long_message() {
    let key = "ä".repeat(100_000);
    let why = mistake::<StripeEvent<Charge>>(&charge("metadata", &format!("{{{key:?}: 5}}")));
    assert!(
        why.starts_with("data.object.metadata.ä") && why.len() < 400,
        "{}",
        why.len()
    );
}

#[test]
fn numbers_beyond_2_to_the_53rd_are_exact() {
    for amount in [9_007_199_254_740_993, i64::MAX, i64::MIN] {
        let charge: Charge = object(json!({"id": "ch_1", "amount": amount, "currency": "eur"}));
        assert_eq!(charge.amount, amount);
        let item = json!({"pspReference": "P", "eventCode": "REFUND", "success": true,
            "amount": {"currency": "EUR", "value": amount}});
        let item: NotificationItem = crate::fixtures::read("item", &item);
        assert_eq!(item.amount.map(|a| a.value), Some(amount));
    }
}

#[test]
fn unknown_fields_and_texts_are_no_mistake() {
    let unknown = json!({"a": [1.5e300, null, {"b": "c"}]});
    let intent: PaymentIntent = object(json!({"id": "pi_1", "status": "new_status", "amount": 1,
        "currency": "eur", "unknown": unknown, "shipping": {"unknown": 5}}));
    assert_eq!(
        intent.status,
        PaymentIntentStatus::Other("new_status".into())
    );
    assert_eq!(intent.status.to_string(), "new_status");
    let charge: Charge = object(json!({"id": "ch_1", "amount": 1, "currency": "eur",
        "status": "", "refunds": {"data": [], "unknown": 1}}));
    assert_eq!(charge.status, Some(ChargeStatus::Other(String::new())));
    let written = serde_json::to_value(PaymentIntentStatus::Succeeded).expect("a text");
    assert_eq!(written, json!("succeeded"));
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    let names = [
        "customer",
        "metadata",
        "lines",
        "parent",
        "payments",
        "status",
        "total_taxes",
        "next_payment_attempt",
        "customer_email",
        "subscription_details",
        "collection_method",
    ];
    let absent: Invoice = object(json!({"currency": "eur"}));
    let mut fields: serde_json::Map<String, Value> = names
        .map(|name| (name.to_owned(), Value::Null))
        .into_iter()
        .collect();
    fields.insert("currency".into(), "eur".into());
    let mut null: Invoice = object(Value::Object(fields));
    assert_eq!(
        (absent.next_payment_attempt, null.next_payment_attempt),
        (None, Some(None))
    );
    null.next_payment_attempt = None;
    assert_eq!(absent, null);
    let bare: Subscription = object(json!({"id": "sub_1", "status": "active", "items": null}));
    assert!(bare.items.is_none() && bare.metadata.is_empty());
}
