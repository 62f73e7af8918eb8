//! Tests: a payment that is no order ships nothing, in the shapes of all API versions since
//! 2022-11-15. `docs/stripe-fields.md` says what moved.

use super::*;

/// Makes a payment intent as API versions before 2025-03-31 send it: `invoice` is always there.
fn old(id: &str, more: Value) -> Event {
    let shape = json!({"customer": "cus_1", "invoice": null, "setup_future_usage": null});
    without_reference(id, merged(shape, more))
}

/// Makes a payment intent as API versions since 2025-10-29 send it.
fn new(id: &str, reference: Value, more: Value) -> Event {
    let details = json!({
        "customer": "cus_1", "setup_future_usage": null,
        "payment_details": {"customer_reference": null, "order_reference": reference},
    });
    without_reference(id, merged(details, more))
}

/// Makes a payment intent as API versions from 2025-03-31 may send it: nothing names an invoice.
fn silent(id: &str, more: Value) -> Event {
    without_reference(id, merged(json!({"customer": "cus_1"}), more))
}

fn without_reference(id: &str, more: Value) -> Event {
    intent(id, more)
}

/// Runs an event on a new gateway. Returns the reason to ignore it, if the handler ignored it.
fn ignored_because(host: &mut Host, event: Event) -> Option<String> {
    match host.run(handle, event).result {
        Ok(Outcome::Ignored(reason)) => Some(reason),
        Ok(Outcome::Done) => None,
        Err(failure) => panic!("{failure:?}"),
    }
}

#[test]
fn a_renewal_of_a_subscription_ships_nothing_in_any_shape() {
    let renewals = [
        old(
            "pi_1",
            json!({"invoice": "in_1", "description": "Subscription update"}),
        ),
        old(
            "pi_1",
            json!({"invoice": {"id": "in_1", "object": "invoice"}}),
        ),
        new(
            "pi_1",
            json!("in_1"),
            json!({"description": "Subscription update"}),
        ),
        new("pi_1", json!("in_1"), json!({"description": null})),
        // The first payment of a subscription that began at the checkout.
        new(
            "pi_1",
            json!("cs_test_1"),
            json!({
                "description": "Subscription creation", "setup_future_usage": "off_session",
            }),
        ),
        new(
            "pi_1",
            json!("in_1"),
            json!({"description": "Payment for Invoice"}),
        ),
        // The order's id does not make an order of an invoice's payment.
        new("pi_1", json!("in_1"), order("A-17")),
        old("pi_1", merged(order("A-17"), json!({"invoice": "in_1"}))),
        silent("pi_1", json!({"description": "Subscription update"})),
        silent("pi_1", json!({"description": "Subscription creation"})),
        silent(
            "pi_1",
            json!({"payment_details": null, "description": "Payment for Invoice"}),
        ),
    ];
    for event in renewals {
        let mut host = host();
        let payload = String::from_utf8_lossy(&event.payload).into_owned();
        let reason = ignored_because(&mut host, event).expect(&payload);
        assert!(reason.contains("invoice"), "{reason}: {payload}");
        assert!(host.sent.is_empty() && host.emitted.is_empty(), "{payload}");
        assert!(host.state().is_empty(), "{payload}");
    }
}

#[test]
fn what_the_event_leaves_open_ships_nothing_until_a_session_tells() {
    let open = [
        silent("pi_1", json!({})),
        silent(
            "pi_1",
            json!({"payment_details": null, "receipt_email": "ada@example.com"}),
        ),
        silent(
            "pi_1",
            json!({"payment_details": {}, "description": "Thank you!", "shipping": {"name": "Ada"}}),
        ),
        silent(
            "pi_1",
            json!({"customer": null, "customer_account": "acct_customer"}),
        ),
        // A session of either mode: the session's own event says which.
        new("pi_1", json!("cs_1"), json!({})),
        new("pi_1", json!("prod_1"), json!({})),
    ];
    for event in open {
        let payload = String::from_utf8_lossy(&event.payload).into_owned();
        let mut host = host();
        let reason = ignored_because(&mut host, event.clone()).expect(&payload);
        assert!(
            reason.contains("pi_1") && reason.contains("invoice"),
            "{reason}"
        );
        assert!(host.sent.is_empty() && host.emitted.is_empty(), "{payload}");
        for value in host.state().values() {
            let kept = String::from_utf8_lossy(value).to_lowercase();
            assert!(!kept.contains("ada"), "{kept}");
        }
        for events in arrivals(&[event, session(order("A-17"))]) {
            let host = after(super::host(), &events);
            assert_eq!(to(&host, WAREHOUSE).len(), 1, "{payload}");
            assert_eq!(to(&host, WAREHOUSE)[0]["order"], "A-17");
            assert_eq!(to(&host, MAIL).len(), 1);
        }
    }
}

#[test]
fn a_payment_that_is_no_invoices_is_an_order_without_an_order_id_too() {
    let orders = [
        old("pi_9", json!({})),
        old("pi_9", json!({"description": "Subscription update"})),
        new("pi_9", json!(null), json!({})),
        // The merchant's own reference.
        new("pi_9", json!("PO-2026-11"), json!({})),
        // An invoice always has a customer, and so has the session of a subscription.
        silent("pi_9", json!({"customer": null})),
        new("pi_9", json!("cs_1"), json!({"customer": null})),
        new("pi_9", json!("prod_1"), json!({"customer": null})),
    ];
    for event in orders {
        let payload = String::from_utf8_lossy(&event.payload).into_owned();
        let host = after(host(), &[event]);
        assert_eq!(to(&host, WAREHOUSE).len(), 1, "{payload}");
        assert_eq!(to(&host, WAREHOUSE)[0]["order"], "pi_9");
    }
}

#[test]
fn an_account_without_invoices_ships_every_payment() {
    let config = || host().config("invoices", false);
    let host = after(config(), &[silent("pi_9", json!({}))]);
    assert_eq!(to(&host, WAREHOUSE)[0]["order"], "pi_9");
    let host = after(config(), &[new("pi_9", json!("in_1"), json!({}))]);
    assert!(
        host.sent.is_empty(),
        "an invoice that is named is one all the same"
    );
    let mut host = super::host().config("invoices", "none");
    let run = host.run(handle, silent("pi_9", json!({})));
    assert!(
        matches!(&run.result, Err(Failure::Reject(why)) if why.contains("`invoices`")),
        "{run:?}"
    );
}

#[test]
fn an_order_id_makes_an_order_where_nothing_names_an_invoice() {
    for event in [
        old("pi_1", order("A-17")),
        silent("pi_1", order("A-17")),
        new("pi_1", json!("cs_1"), order("A-17")),
        new("pi_1", json!(null), order("A-17")),
    ] {
        let host = after(host(), &[event]);
        assert_eq!(to(&host, WAREHOUSE)[0]["order"], "A-17");
    }
}

#[test]
fn order_ids_are_as_long_as_stripe_allows() {
    let long = |end: &str| format!("{}{end}", "ü".repeat(500 - end.len()));
    let in_account = |id: &str, of: &str| {
        let mut body: Value = intent(id, order(of)).json().unwrap();
        body["account"] = json!("acct_1MqMbXGNNYaGmVPr");
        testing::event("payment_intent.succeeded", &body)
    };
    let host = after(
        host(),
        &[
            in_account("pi_1", &long("1")),
            in_account("pi_2", &long("2")),
            in_account("pi_3", &long("1")),
            intent("pi_4", order(&long("1"))),
        ],
    );
    let shipped: Vec<_> = to(&host, WAREHOUSE);
    assert_eq!(shipped.len(), 3);
    assert_eq!(shipped[0]["order"], long("1"));
    assert_eq!(shipped[1]["order"], long("2"));
    assert_eq!(shipped[2]["payment"], "pi_4", "another account's order");
    let twice = emitted(&host, "order.paid_twice");
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0]["payment"], "pi_3");
}

#[test]
fn an_order_id_that_is_a_number_is_taken_as_it_is_written() {
    let body = String::from_utf8(intent("pi_1", order("ID")).payload).unwrap();
    let event = |id: &str| Event {
        payload: body.replace("\"ID\"", id).into_bytes(),
        ..intent("pi_1", json!({}))
    };
    for id in ["17", "9007199254740993", "36893488147419103233", "true"] {
        let host = after(host(), &[event(id)]);
        assert_eq!(to(&host, WAREHOUSE)[0]["order"], id);
    }
    for id in ["{}", "[]", r#""\ud800""#] {
        let run = host().run(handle, event(id));
        assert!(
            matches!(run.result, Err(Failure::Reject(_))),
            "{id}: {run:?}"
        );
    }
}

#[test]
fn metadata_may_be_absent_or_null() {
    let mut without: Value = intent("pi_1", json!({})).json().unwrap();
    without["data"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("metadata");
    let events = [
        testing::event("payment_intent.succeeded", &without),
        intent("pi_1", json!({"metadata": null})),
        intent("pi_1", json!({"metadata": {"order_id": null}})),
    ];
    for event in events {
        let host = after(host(), &[event]);
        assert_eq!(to(&host, WAREHOUSE)[0]["order"], "pi_1");
    }
    let host = after(host(), &[session(json!({"metadata": null}))]);
    assert_eq!(to(&host, WAREHOUSE)[0]["order"], "pi_1");
}

#[test]
fn test_mode_ships_nothing_and_takes_no_order_from_live_mode() {
    let test = |event: &Event| {
        let mut body: Value = event.json().unwrap();
        body["livemode"] = json!(false);
        body["account"] = json!("acct_1");
        testing::event(&event.kind, &body)
    };
    let live = |event: &Event| {
        let mut body: Value = event.json().unwrap();
        body["account"] = json!("acct_1");
        testing::event(&event.kind, &body)
    };
    let paid = intent("pi_1", order("A-17"));
    let later = intent("pi_2", order("A-17"));
    for event in [test(&paid), test(&session(order("A-17")))] {
        let mut host = host();
        let reason = ignored_because(&mut host, event).unwrap();
        assert!(
            reason.contains("test mode") && reason.contains("livemode"),
            "{reason}"
        );
        assert!(host.sent.is_empty() && host.emitted.is_empty() && host.state().is_empty());
        let host = after(host, &[live(&later)]);
        assert_eq!(to(&host, WAREHOUSE)[0]["payment"], "pi_2");
    }
    // Where both modes are wanted, the orders of each mode are orders of their own.
    let both = host().config("livemode", "any");
    let host = after(both, &[test(&paid), live(&later)]);
    assert_eq!(to(&host, WAREHOUSE).len(), 2);
    assert!(emitted(&host, "order.paid_twice").is_empty());
}

#[test]
fn the_address_of_a_session_is_read_from_its_old_and_its_new_place() {
    let places = [
        json!({"collected_information": null, "shipping_details": {"name": "Ada"}}),
        json!({"collected_information": {"shipping_details": {"name": "Ada"}}}),
        json!({"collected_information": {"shipping_details": null}, "shipping_details": {"name": "Ada"}}),
    ];
    for place in places {
        let host = after(host(), &[session(merged(order("A-17"), place.clone()))]);
        assert_eq!(
            to(&host, WAREHOUSE)[0]["shipping"]["name"],
            "Ada",
            "{place}"
        );
    }
}
