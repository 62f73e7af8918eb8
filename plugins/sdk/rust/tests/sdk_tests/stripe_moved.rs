//! Both shapes of each field of Stripe's that moved, and what is in neither.

use serde_json::json;
use tollgate_handler::stripe::{
    Charge, CheckoutSession, Dispute, Invoice, InvoiceLine, PaymentIntent, Subscription,
};

use crate::fixtures::object;

fn intent(more: serde_json::Value) -> PaymentIntent {
    let mut intent = json!({"id": "pi_1", "status": "succeeded", "amount": 5, "currency": "eur"});
    merge(&mut intent, more);
    object(intent)
}

fn invoice(more: serde_json::Value) -> Invoice {
    let mut invoice = json!({"id": "in_1", "currency": "eur"});
    merge(&mut invoice, more);
    object(invoice)
}

fn merge(into: &mut serde_json::Value, more: serde_json::Value) {
    let serde_json::Value::Object(more) = more else {
        panic!("an object")
    };
    into.as_object_mut().expect("an object").extend(more);
}

#[test]
fn the_invoice_of_a_payment() {
    let says = |more| intent(more).invoice().map(|id| id.map(String::from));
    let yes = Some(Some("in_1".to_owned()));
    assert_eq!(says(json!({"invoice": "in_1"})), yes);
    assert_eq!(
        says(json!({"invoice": {"id": "in_1", "object": "invoice"}})),
        yes
    );
    assert_eq!(says(json!({"invoice": null})), Some(None));
    assert_eq!(says(json!({})), None);
    let by_reference = |reference| json!({"payment_details": {"order_reference": reference}});
    assert_eq!(says(by_reference(Some("in_1"))), yes);
    assert_eq!(says(by_reference(Some("cs_1"))), None);
    assert_eq!(says(by_reference(None)), None);
    assert_eq!(says(json!({"payment_details": null})), None);
    let session = intent(by_reference(Some("cs_1")));
    assert_eq!(session.order_reference(), Some("cs_1"));
    let charge = |more: serde_json::Value| {
        let mut charge = json!({"id": "ch_1", "amount": 5, "currency": "eur"});
        merge(&mut charge, more);
        let charge = object::<Charge>(charge);
        charge.invoice().map(|id| id.map(String::from))
    };
    assert_eq!(charge(json!({"invoice": "in_1"})), yes);
    assert_eq!(charge(json!({"invoice": null})), Some(None));
    assert_eq!(charge(json!({})), None);
}

#[test]
fn the_charge_and_the_payer_of_a_payment() {
    let charge = |more| intent(more).charge().map(String::from);
    assert_eq!(
        charge(json!({"latest_charge": "ch_1"})).as_deref(),
        Some("ch_1")
    );
    let listed = json!({"charges": {"data": [{"id": "ch_2", "amount": 5}, {"id": "ch_1"}]}});
    assert_eq!(charge(listed).as_deref(), Some("ch_2"));
    assert_eq!(charge(json!({"latest_charge": null})), None);
    let payer = |more| intent(more).payer().map(String::from);
    assert_eq!(
        payer(json!({"customer": "cus_1"})).as_deref(),
        Some("cus_1")
    );
    let account = json!({"customer": null, "customer_account": "acct_1"});
    assert_eq!(payer(account).as_deref(), Some("acct_1"));
    assert_eq!(payer(json!({})), None);
}

#[test]
fn the_subscription_of_an_invoice() {
    let old = invoice(json!({"subscription": "sub_1",
        "subscription_details": {"metadata": {"plan": "a"}}}));
    let new = invoice(
        json!({"parent": {"type": "subscription_details", "subscription_details":
        {"subscription": {"id": "sub_1", "status": "active"}, "metadata": {"plan": "a"}}}}),
    );
    for invoice in [old, new] {
        assert_eq!(invoice.subscription(), Some("sub_1"));
        let metadata = invoice.subscription_metadata().expect("metadata");
        assert_eq!(metadata["plan"], "a");
    }
    for none in [
        json!({"subscription": null}),
        json!({"parent": null}),
        json!({}),
    ] {
        assert_eq!(invoice(none.clone()).subscription(), None);
        assert_eq!(invoice(none).subscription_metadata(), None);
    }
}

#[test]
fn the_payment_and_the_taxes_of_an_invoice() {
    let old = invoice(
        json!({"payment_intent": "pi_1", "charge": "ch_1", "paid": true,
        "tax": 7}),
    );
    let new = invoice(json!({"status": "paid",
        "payments": {"data": [
            {"payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            {"payment": {"type": "charge", "charge": "ch_1"}}]},
        "total_taxes": [{"amount": 4}, {"amount": 3, "tax_rate_details": null}]}));
    for invoice in [old, new] {
        assert_eq!(invoice.payment_intent(), Some("pi_1"));
        assert_eq!(invoice.charge(), Some("ch_1"));
        assert!(invoice.is_paid());
        assert_eq!(invoice.tax(), Some(7));
    }
    let none = invoice(json!({"status": "open", "paid": false, "tax": null}));
    assert_eq!((none.payment_intent(), none.tax()), (None, None));
    assert!(!none.is_paid() && !invoice(json!({})).is_paid());
    let many = json!({"total_taxes": [{"amount": i64::MAX}, {"amount": 1}]});
    assert_eq!(invoice(many).tax(), None);
}

#[test]
fn the_price_and_the_subscription_of_a_line() {
    let base = json!({"id": "il_1", "amount": -5, "currency": "eur"});
    let line = |more| {
        let mut line = base.clone();
        merge(&mut line, more);
        object::<InvoiceLine>(line)
    };
    let old = line(
        json!({"price": {"id": "price_1", "unit_amount": 5}, "proration": true,
        "subscription": "sub_1"}),
    );
    let new = line(json!({"pricing": {"price_details": {"price": "price_1"}},
        "parent": {"subscription_item_details": {"subscription": "sub_1", "proration": true}}}));
    let item = line(json!({"pricing": {"price_details": {"price": "price_1"}},
        "parent": {"subscription_item_details": null,
            "invoice_item_details": {"subscription": "sub_1", "proration": true}}}));
    for line in [old, new, item] {
        let told = (line.price(), line.subscription(), line.is_proration());
        assert_eq!(told, (Some("price_1"), Some("sub_1"), true));
    }
    let none = line(json!({"price": null, "parent": null}));
    let told = (none.price(), none.subscription(), none.is_proration());
    assert_eq!(told, (None, None, false));
}

#[test]
fn the_period_of_a_subscription() {
    let period = |more: serde_json::Value| {
        let mut subscription = json!({"id": "sub_1", "status": "active"});
        merge(&mut subscription, more);
        let subscription = object::<Subscription>(subscription);
        (
            subscription.current_period_start(),
            subscription.current_period_end(),
        )
    };
    let old = json!({"current_period_start": 10, "current_period_end": 20});
    assert_eq!(period(old), (Some(10), Some(20)));
    let new = json!({"items": {"data": [
        {"id": "si_1", "current_period_start": 1, "current_period_end": 50},
        {"id": "si_2", "current_period_start": 10, "current_period_end": 20},
        {"id": "si_3"}]}});
    assert_eq!(period(new), (Some(10), Some(20)));
    assert_eq!(period(json!({})), (None, None));
    assert_eq!(period(json!({"items": {"data": []}})), (None, None));
}

#[test]
fn the_addresses_of_a_session() {
    let session = |more: serde_json::Value| {
        let mut session = json!({"id": "cs_1", "mode": "payment", "payment_status": "paid"});
        merge(&mut session, more);
        object::<CheckoutSession>(session)
    };
    let place = json!({"name": "Ada", "address": {"city": "Berlin"}});
    let old = session(json!({"shipping_details": place, "customer_email": "a@example.com"}));
    let new = session(json!({"collected_information": {"shipping_details": place},
        "customer_email": null, "customer_details": {"email": "a@example.com"}}));
    assert_eq!(old.shipping(), new.shipping());
    let city = old
        .shipping()
        .and_then(|s| s.address.as_ref()?.city.as_deref());
    assert_eq!(city, Some("Berlin"));
    assert_eq!(
        (old.email(), new.email()),
        (Some("a@example.com"), Some("a@example.com"))
    );
    let none = session(json!({"collected_information": {"shipping_details": null}}));
    assert_eq!((none.shipping(), none.email()), (None, None));
    let unpaid = session(json!({"payment_status": "unpaid"}));
    assert!(old.is_settled() && !unpaid.is_settled());
}

#[test]
fn the_network_s_reason_of_a_dispute() {
    let reason = |more: serde_json::Value| {
        let mut dispute = json!({"id": "du_1", "status": "lost", "amount": 5, "currency": "eur"});
        merge(&mut dispute, more);
        object::<Dispute>(dispute)
            .network_reason()
            .map(String::from)
    };
    let old = reason(json!({"network_reason_code": "10.4"}));
    let new = reason(json!({"payment_method_details": {"card": {"network_reason_code": "10.4"}}}));
    assert_eq!(
        (old.as_deref(), new.as_deref()),
        (Some("10.4"), Some("10.4"))
    );
    assert_eq!(
        reason(json!({"payment_method_details": {"type": "paypal"}})),
        None
    );
}
