//! Events of PayPal.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tollgate_handler::paypal::{
    Capture, CaptureStatus, Dispute, DisputeStatus, Order, OrderStatus, PayPalEvent, Refund,
    RefundStatus, Sale, SaleState, Subscription, SubscriptionStatus,
};

use crate::fixtures::{events, read};

/// The event of this type.
fn found(kind: &str) -> Value {
    let mut all = events("paypal.json").into_iter();
    all.find(|event| event["event_type"] == kind)
        .expect("there is such an event")
}

fn resource<T: DeserializeOwned>(event: &Value) -> T {
    let kind = event["event_type"].as_str().expect("a type");
    let read: PayPalEvent<T> = read(kind, event);
    assert_eq!(
        (read.kind.as_str(), read.id.as_str()),
        (kind, event["id"].as_str().expect("an id"))
    );
    assert_eq!(read.create_time.as_deref(), event["create_time"].as_str());
    assert_eq!(
        read.resource_type.as_deref(),
        event["resource_type"].as_str()
    );
    read.resource
}

/// The minor units of a text with two decimals, by its digits.
fn cents(value: &Value) -> i64 {
    let text = value["value"].as_str().expect("a text");
    assert_eq!(text.as_bytes()[text.len() - 3], b'.');
    text.replace('.', "").parse().expect("a number")
}

#[test]
fn captures_refunds_and_orders_are_read() {
    let event = found("PAYMENT.CAPTURE.COMPLETED");
    let (raw, capture) = (&event["resource"], resource::<Capture>(&event));
    assert_eq!(
        (capture.id.as_str(), &capture.status),
        (
            raw["id"].as_str().expect("a text"),
            &CaptureStatus::Completed
        )
    );
    assert_eq!(capture.amount.minor(), cents(&raw["amount"]));
    let order = &raw["supplementary_data"]["related_ids"]["order_id"];
    assert_eq!(capture.order(), order.as_str());
    assert!(capture.order().is_some() && capture.final_capture == Some(true));
    assert_eq!(capture.custom_id.as_deref(), raw["custom_id"].as_str());

    let event = found("PAYMENT.CAPTURE.REFUNDED");
    let (raw, refund) = (&event["resource"], resource::<Refund>(&event));
    assert_eq!(refund.status, Some(RefundStatus::Completed));
    assert_eq!(refund.amount.minor(), cents(&raw["amount"]));
    let up = raw["links"][0]["href"].as_str().expect("a link");
    let capture = refund.capture().expect("a capture");
    assert!(up.ends_with(&format!("/captures/{capture}")) && !capture.is_empty());

    let event = found("CHECKOUT.ORDER.APPROVED");
    let (raw, order) = (&event["resource"], resource::<Order>(&event));
    assert_eq!(order.status, OrderStatus::Approved);
    let unit = &order.purchase_units[0];
    let amount = unit.amount.as_ref().expect("an amount");
    assert_eq!(amount.minor(), cents(&raw["purchase_units"][0]["amount"]));
    assert!(unit.captures().is_empty() && unit.refunds().is_empty());
    let payer = order.payer().expect("a payer");
    assert_eq!(
        payer.email_address.as_deref(),
        raw["payer"]["email_address"].as_str()
    );
    assert_eq!(payer.payer_id.as_deref(), raw["payer"]["payer_id"].as_str());
}

#[test]
fn subscriptions_and_disputes_are_read() {
    let event = found("BILLING.SUBSCRIPTION.ACTIVATED");
    let (raw, begun) = (&event["resource"], resource::<Subscription>(&event));
    assert_eq!(begun.status, SubscriptionStatus::Active);
    assert_eq!(begun.plan_id.as_deref(), raw["plan_id"].as_str());
    let email = begun.subscriber.and_then(|s| s.email_address);
    assert_eq!(
        email.as_deref(),
        raw["subscriber"]["email_address"].as_str()
    );

    let event = found("BILLING.SUBSCRIPTION.PAYMENT.FAILED");
    let (raw, failed) = (&event["resource"], resource::<Subscription>(&event));
    let billing = failed.billing_info.expect("the payments");
    let (last, raw) = (
        billing.last_failed_payment.expect("a payment"),
        &raw["billing_info"],
    );
    assert_eq!(billing.failed_payments_count, Some(1));
    let owed = billing.outstanding_balance.expect("an amount");
    assert_eq!(owed.minor(), cents(&raw["outstanding_balance"]));
    assert_eq!(last.reason_code.as_deref(), Some("PAYMENT_DENIED"));
    let next = raw["last_failed_payment"]["next_payment_retry_time"].as_str();
    assert_eq!(last.next_payment_retry_time.as_deref(), next);

    let event = found("CUSTOMER.DISPUTE.CREATED");
    let (raw, dispute) = (&event["resource"], resource::<Dispute>(&event));
    assert_eq!(dispute.id, raw["dispute_id"].as_str().expect("a text"));
    assert_eq!(dispute.status, DisputeStatus::Open);
    let payments: Vec<_> = dispute.payments().collect();
    let raw = raw["disputed_transactions"][0]["seller_transaction_id"].as_str();
    assert_eq!(payments, [raw.expect("an id")]);
}

#[test]
fn a_sale_and_its_refund_have_the_shape_of_version_1() {
    let sale: Sale = read(
        "sale",
        &json!({
        "id": "S", "state": "completed", "parent_payment": "PAYID-1",
        "billing_agreement_id": "I-1", "custom": "A-1",
        "amount": {"total": "9.99", "currency": "USD", "details": {"subtotal": "9.99"}},
        "transaction_fee": {"value": "0.79", "currency": "USD"},
        "create_time": "2026-12-01T01:47:39Z"}),
    );
    assert_eq!(
        (sale.state, sale.amount.minor()),
        (SaleState::Completed, 999)
    );
    assert_eq!(sale.transaction_fee.map(|fee| fee.minor()), Some(79));
    assert_eq!(sale.billing_agreement_id.as_deref(), Some("I-1"));
    let refund: Refund = read(
        "refund",
        &json!({
        "id": "R", "state": "completed", "sale_id": "S", "parent_payment": "PAYID-1",
        "amount": {"total": "-9.99", "currency": "USD"}, "invoice_number": "A-1"}),
    );
    assert_eq!(refund.status, Some(RefundStatus::Completed));
    assert_eq!((refund.sale(), refund.capture()), (Some("S"), None));
    assert_eq!((refund.amount.minor(), refund.amount.size()), (-999, 999));
    assert_eq!(refund.invoice_id.as_deref(), Some("A-1"));
    let refund: Refund = read(
        "refund",
        &json!({"id": "R", "state": "refunded", "amount": {"total": "9.99", "currency": "USD"},
            "invoice_number": "", "links": [
                {"rel": "parent_payment", "href": "https://api.example.com/v1/payments/payment/P"},
                {"rel": "sale", "href": "https://api.example.com/v1/payments/sale/S"}]}),
    );
    assert_eq!((refund.sale(), refund.amount.size()), (Some("S"), 999));
    assert_eq!(refund.invoice_id, None);
    assert_eq!(refund.status, Some(RefundStatus::Other("refunded".into())));
}

#[test]
fn a_dispute_ends_with_an_outcome() {
    let dispute: Dispute = read(
        "dispute",
        &json!({"dispute_id": "PP-1", "status": "RESOLVED",
            "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR",
                "amount_refunded": {"currency_code": "HUF", "value": "2500"}},
            "disputed_transactions": [{"seller_transaction_id": ""},
                {"seller_transaction_id": "C", "custom": "A-1", "items": []}]}),
    );
    assert_eq!(dispute.payments().collect::<Vec<_>>(), ["C"]);
    let outcome = dispute.dispute_outcome.expect("an outcome");
    assert_eq!(outcome.amount_refunded.map(|m| m.minor()), Some(2500));
    assert_eq!(
        outcome.outcome_code.as_deref(),
        Some("RESOLVED_BUYER_FAVOUR")
    );
    let none: Dispute = read(
        "dispute",
        &json!({"dispute_id": "PP-1", "status": "OPEN",
        "disputed_transactions": null}),
    );
    assert_eq!(none.payments().count(), 0);
}

#[test]
fn a_refund_names_its_capture_in_several_places() {
    let capture = |more: Value| {
        let mut refund = json!({"id": "R", "amount": {"currency_code": "EUR", "value": "1.00"}});
        let Value::Object(more) = more else {
            panic!("an object")
        };
        refund.as_object_mut().expect("an object").extend(more);
        let refund: Refund = read("refund", &refund);
        refund.capture().map(String::from)
    };
    let link = |rel: &str, href: &str| {
        json!({"links": [{"rel": "self", "href": "x"},
        {"rel": rel, "href": href, "method": "GET"}]})
    };
    for named in [
        json!({"supplementary_data": {"related_ids": {"capture_id": "C"}}}),
        json!({"capture_id": "C"}),
        link("up", "https://api.example.com/v2/payments/captures/C"),
        link(
            "up",
            "https://api.example.com/v2/payments/captures/C/?a=/captures/D",
        ),
        link("up", "https://api.example.com/v1/payments/capture/C"),
    ] {
        assert_eq!(capture(named.clone()).as_deref(), Some("C"), "{named}");
    }
    for none in [
        json!({}),
        json!({"links": null, "supplementary_data": null}),
        link("up", "https://api.example.com/v2/payments/captures/"),
        link("up", "captures"),
        link("up", ""),
        link("self", "https://api.example.com/v2/payments/captures/C"),
    ] {
        assert_eq!(capture(none.clone()), None, "{none}");
    }
}

#[test]
fn the_payer_of_an_order_moved() {
    let payer = |more: Value| {
        let mut order = json!({"id": "O", "status": "COMPLETED"});
        let Value::Object(more) = more else {
            panic!("an object")
        };
        order.as_object_mut().expect("an object").extend(more);
        let order: Order = read("order", &order);
        order.payer().and_then(|payer| payer.payer_id.clone())
    };
    let old = json!({"payer": {"payer_id": "P"}});
    let new = json!({"payment_source": {"paypal": {"account_id": "P"}}});
    assert_eq!(payer(old), payer(new));
    assert_eq!(payer(json!({"payment_source": {"card": {}}})), None);
}

#[test]
fn a_completed_order_has_its_captures() {
    let amount = json!({"currency_code": "JPY", "value": "1000"});
    let order: Order = read(
        "order",
        &json!({"id": "O", "status": "NEW", "purchase_units": [
        {"payments": {"captures": [{"id": "C", "status": "NEW", "amount": amount}],
            "refunds": [{"id": "R", "status": "NEW", "amount": amount}]}}, {}]}),
    );
    assert_eq!(order.status, OrderStatus::Other("NEW".into()));
    let [unit, empty] = &order.purchase_units[..] else {
        panic!("two units")
    };
    assert_eq!(
        unit.captures()[0].status,
        CaptureStatus::Other("NEW".into())
    );
    assert_eq!(unit.captures()[0].order(), None);
    assert_eq!(unit.refunds()[0].amount.minor(), 1000);
    assert!(empty.captures().is_empty());
}
