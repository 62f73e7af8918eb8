//! Tests: one order means one parcel and one receipt, in every order of arrival.

use super::*;

#[test]
fn ships_mails_and_tells() {
    let host = after(host(), &[session(order("A-17"))]);

    assert_eq!(
        to(&host, WAREHOUSE),
        [json!({
            "order": "A-17", "payment": "pi_1", "warehouse": "eu-1", "amount": 4200, "currency": "eur",
            "shipping": {"name": "Ada", "address": {"city": "Bonn"}},
        })]
    );
    assert_eq!(host.sent[0].request.order_key.as_deref(), Some("A-17"));
    assert_eq!(
        to(&host, MAIL),
        [json!({
            "template": "receipt", "to": "ada@example.com", "order": "A-17", "amount": 4200,
            "currency": "eur",
        })]
    );
    let told = &host.emitted[0].event;
    assert_eq!(
        (told.kind.as_str(), told.subject.as_deref()),
        ("order.fulfilled", Some("A-17"))
    );
    assert_eq!(
        host.emitted[0].json(),
        json!({"order": "A-17", "payment": "pi_1", "amount": 4200, "currency": "eur"})
    );
}

#[test]
fn both_events_in_any_order_fulfil_once_when_either_names_the_order() {
    let named = || order("A-17");
    let pairs = [
        [intent("pi_1", named()), session(named())],
        [intent("pi_1", json!({})), session(named())],
        [intent("pi_1", named()), session(json!({}))],
        [intent("pi_1", json!({})), session(json!({}))],
        [
            intent("pi_1", named()),
            session(json!({"payment_intent": {"id": "pi_1", "object": "payment_intent"}})),
        ],
    ];
    for pair in &pairs {
        for events in arrivals(pair) {
            let host = after(host(), &events);
            assert_eq!(to(&host, WAREHOUSE).len(), 1);
            assert_eq!(to(&host, MAIL).len(), 1);
            assert_eq!(emitted(&host, "order.fulfilled").len(), 1);
            assert_eq!(host.emitted.len(), 1);
        }
    }
}

#[test]
fn with_required_order_ids_every_order_of_arrival_leads_to_the_same() {
    let shipping = json!({"name": "Ada", "address": {"city": "Köln"}});
    let events = [
        intent(
            "pi_1",
            json!({"receipt_email": "office@example.com", "shipping": shipping}),
        ),
        session(merged(order("A-17"), json!({"payment_status": "unpaid"}))),
        session_event("checkout.session.async_payment_succeeded", order("A-17")),
        intent(
            "pi_2",
            json!({"metadata": {"order_id": "B-1"}, "amount_received": 5}),
        ),
    ];
    let sorted = |host: &Host, url| {
        let mut bodies: Vec<_> = to(host, url).iter().map(Value::to_string).collect();
        bodies.sort();
        bodies
    };
    let expected = after(host_requiring_order_ids(), &events);
    assert_eq!(to(&expected, WAREHOUSE).len(), 2);
    assert_eq!(to(&expected, MAIL).len(), 1);
    assert_eq!(to(&expected, MAIL)[0]["to"], "ada@example.com");

    for events in arrivals(&events) {
        let host = after(host_requiring_order_ids(), &events);
        assert_eq!(host.state(), expected.state());
        assert_eq!(sorted(&host, WAREHOUSE), sorted(&expected, WAREHOUSE));
        assert_eq!(sorted(&host, MAIL), sorted(&expected, MAIL));
        assert_eq!(emitted(&host, "order.fulfilled").len(), 2);
    }
}

#[test]
fn a_payment_waits_for_its_order_id_where_that_is_required() {
    let mut host = host_requiring_order_ids();
    let run = host.run(handle, intent("pi_1", json!({})));
    assert!(
        matches!(&run.result, Ok(Outcome::Ignored(why)) if why.contains("its order id")),
        "{run:?}"
    );
    assert!(host.sent.is_empty());
    let host = after(host, &[session(order("A-17"))]);
    assert_eq!(to(&host, WAREHOUSE)[0]["order"], "A-17");
}

#[test]
fn the_payment_names_an_order_that_nothing_else_names() {
    let host = after(
        host(),
        &[intent("pi_9", json!({"metadata": {"order_id": " "}}))],
    );
    assert_eq!(to(&host, WAREHOUSE)[0]["order"], "pi_9");
}

#[test]
fn an_unpaid_session_ships_nothing_until_the_payment_succeeds() {
    let unpaid = session(merged(order("A-17"), json!({"payment_status": "unpaid"})));
    for paid in [
        intent("pi_1", json!({})),
        session_event("checkout.session.async_payment_succeeded", json!({})),
    ] {
        let noted = after(host(), std::slice::from_ref(&unpaid));
        assert!(noted.sent.is_empty() && noted.emitted.is_empty());
        let host = after(noted, &[paid]);
        assert_eq!(to(&host, WAREHOUSE)[0]["order"], "A-17");
        assert_eq!(
            to(&host, WAREHOUSE)[0]["shipping"]["address"]["city"],
            "Bonn"
        );
        assert_eq!(to(&host, MAIL)[0]["to"], "ada@example.com");
    }
}

#[test]
fn the_receipt_follows_when_the_address_comes_later() {
    let paid = after(host(), &[intent("pi_1", order("A-17"))]);
    assert_eq!(to(&paid, MAIL).len(), 0);
    let host = after(paid, &[session(json!({})), session(json!({}))]);
    assert_eq!(to(&host, MAIL).len(), 1);
    assert_eq!(to(&host, MAIL)[0]["order"], "A-17");
    assert_eq!(to(&host, WAREHOUSE).len(), 1);
}

#[test]
fn nothing_to_pay_is_fulfilled_all_the_same() {
    let free = json!({
        "payment_intent": null, "payment_status": "no_payment_required", "amount_total": 0,
        "metadata": {"order_id": "A-0"},
    });
    let host = after(host(), &[session(free.clone()), session(free)]);
    assert_eq!(to(&host, WAREHOUSE).len(), 1);
    assert_eq!(to(&host, WAREHOUSE)[0]["payment"], "cs_1");
    assert_eq!(to(&host, WAREHOUSE)[0]["amount"], 0);
}

#[test]
fn an_order_that_is_paid_twice_ships_once_and_is_told_of() {
    let events = [intent("pi_1", order("A-17")), intent("pi_2", order("A-17"))];
    for events in arrivals(&events) {
        let host = after(host(), &events);
        assert_eq!(to(&host, WAREHOUSE).len(), 1);
        assert_eq!(emitted(&host, "order.fulfilled").len(), 1);
        let twice = emitted(&host, "order.paid_twice");
        assert_eq!(twice.len(), 1);
        assert_ne!(twice[0]["payment"], to(&host, WAREHOUSE)[0]["payment"]);
    }
}

#[test]
fn an_order_is_known_under_the_name_that_comes_after_it_was_fulfilled() {
    // The order is fulfilled as pi_1. Then the session names it A-17. Then somebody pays A-17
    // again.
    let events = [
        intent("pi_1", json!({})),
        session(order("A-17")),
        intent("pi_2", order("A-17")),
    ];
    let host = after(host(), &events);
    assert_eq!(to(&host, WAREHOUSE).len(), 1);
    assert_eq!(emitted(&host, "order.paid_twice")[0]["payment"], "pi_2");
}

#[test]
fn the_same_order_id_of_two_accounts_is_two_orders() {
    let of = |account: &str, id: &str| {
        let mut body: Value = intent(id, order("7")).json().unwrap();
        body["account"] = json!(account);
        testing::event("payment_intent.succeeded", &body)
    };
    let host = after(host(), &[of("acct_1", "pi_1"), of("acct_2", "pi_2")]);
    assert_eq!(to(&host, WAREHOUSE).len(), 2);
}

#[test]
fn what_is_no_order_is_ignored_and_leaves_nothing() {
    let others = [
        session(
            json!({"mode": "setup", "payment_intent": null, "payment_status": "no_payment_required"}),
        ),
        session(json!({"mode": "subscription", "payment_intent": null})),
        intent("pi_1", json!({"invoice": "in_1"})),
        stripe("charge.refunded", json!({"id": "ch_1"})),
    ];
    for event in others {
        let mut host = host();
        let run = host.run(handle, event);
        assert!(matches!(run.result, Ok(Outcome::Ignored(_))), "{run:?}");
        assert!(host.sent.is_empty() && host.emitted.is_empty() && host.state().is_empty());
    }
}

#[test]
fn no_personal_data_is_kept_once_it_was_used() {
    let host = after(host(), &[session(order("A-17"))]);
    for (key, value) in host.state() {
        let text = String::from_utf8_lossy(value);
        assert!(
            !text.contains("ada@") && !text.contains("Bonn"),
            "{key}: {text}"
        );
    }
}

#[test]
fn without_a_mail_url_there_are_no_mails() {
    let host = after(
        Host::new().config("warehouse_url", WAREHOUSE),
        &[session(order("A-17"))],
    );
    assert_eq!(host.sent.len(), 1);
}

#[test]
fn mistakes_are_rejected_and_leave_nothing() {
    let broken = Event {
        payload: b"{".to_vec(),
        ..intent("pi_1", json!({}))
    };
    let good = || session(order("A-17"));
    let cases = [
        (host(), broken, "cannot be read"),
        (Host::new(), good(), "`warehouse_url`"),
        (
            Host::new()
                .config("warehouse_url", WAREHOUSE)
                .allow("https://elsewhere.example"),
            good(),
            "allows",
        ),
        (
            host().config("order_id", "sometimes"),
            intent("pi_1", json!({})),
            "`order_id`",
        ),
    ];
    for (mut host, event, word) in cases {
        let run = host.run(handle, event);
        assert!(
            matches!(&run.result, Err(Failure::Reject(why)) if why.contains(word)),
            "{run:?}"
        );
        assert!(host.sent.is_empty() && host.emitted.is_empty() && host.state().is_empty());
    }
}
