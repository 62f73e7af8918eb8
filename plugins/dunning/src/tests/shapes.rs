//! Tests of events and of values that are easily mistaken: voided, written off, no address, test
//! mode, absent fields.

use super::calendar::{SUSPENDED, nothing_is_scheduled, pass};
use super::*;

/// Makes an event of the invoice `in_1` that is collected automatically.
fn of(kind: &str, at: i64) -> Event {
    invoice(kind, "in_1", at, 1, None)
}

#[test]
fn a_voided_invoice_is_no_longer_owed_and_nothing_was_recovered() {
    let voided = of("invoice.voided", START + 2 * DAY);
    let mut host = after(&[failed("in_1", 1, START)]);
    let run = tell(&mut host, &voided);
    assert_eq!((phase(&host), effects(&run)), (Phase::Active, vec![]));
    assert!(nothing_is_scheduled(&host) && pass(&mut host, 400).is_empty());

    // After a suspension the access comes back.
    let mut host = after(&[failed_at_last("in_1", 1, START)]);
    pass(&mut host, 8);
    assert_eq!(phase(&host), Phase::Suspended);
    let run = tell(&mut host, &of("invoice.voided", START + 9 * DAY));
    assert_eq!(effects(&run), ["access restored", "subscription.restored"]);
    let run = tell(&mut host, &updated("active", START + 9 * DAY));
    assert_eq!(effects(&run), [""; 0]);
}

#[test]
fn in_every_order_only_a_payment_recovers() {
    let story = |end: &str| {
        [
            failed_at_last("in_1", 1, START),
            updated("past_due", START),
            of(end, START + 2 * DAY),
            updated("active", START + 2 * DAY),
        ]
    };
    let told = |host: &Host, kind: &str| {
        let mails = host
            .sent
            .iter()
            .filter(|sent| sent.json()["template"] == kind);
        mails.count()
    };
    for events in testing::orders(&story("invoice.voided")) {
        let kinds: Vec<_> = events.iter().map(|event| &event.kind).collect();
        let host = after(&events);
        assert_eq!(phase(&host), Phase::Active);
        assert_eq!(told(&host, "payment_recovered"), 0, "{kinds:?}");
        assert!(host.emitted.is_empty());
    }
    for events in testing::orders(&story("invoice.paid")) {
        let kinds: Vec<_> = events.iter().map(|event| &event.kind).collect();
        let host = after(&events);
        assert_eq!(phase(&host), Phase::Active);
        // A customer who was told of the failure is told of the payment, once.
        let grace = told(&host, "payment_grace");
        assert!(told(&host, "payment_recovered") >= grace, "{kinds:?}");
        assert!(told(&host, "payment_recovered") <= 1, "{kinds:?}");
    }
}

#[test]
fn a_payment_that_comes_before_stripe_lifts_its_unpaid_recovers_then() {
    let mut host = after(&[updated("unpaid", START)]);
    let run = tell(&mut host, &of("invoice.paid", START + DAY));
    assert_eq!((phase(&host), effects(&run)), (Phase::Suspended, vec![]));
    let run = tell(&mut host, &updated("active", START + DAY));
    let recovered = [
        "access restored",
        "payment_recovered",
        "subscription.recovered",
    ];
    assert_eq!(effects(&run), recovered);
}

#[test]
fn a_debt_that_is_written_off_suspends_at_once() {
    for before in [vec![], vec![failed("in_1", 1, START)]] {
        let mut host = after(&before);
        let run = tell(&mut host, &of("invoice.marked_uncollectible", START + DAY));
        assert_eq!(effects(&run), SUSPENDED);
        assert!(nothing_is_scheduled(&host));
        // It may still be paid.
        let run = tell(&mut host, &of("invoice.paid", START + 30 * DAY));
        let recovered = [
            "access restored",
            "payment_recovered",
            "subscription.recovered",
        ];
        assert_eq!(effects(&run), recovered);
    }
    let mut host = after(&[of("invoice.marked_uncollectible", START)]);
    let run = tell(&mut host, &of("invoice.voided", START + DAY));
    assert_eq!(effects(&run), ["access restored", "subscription.restored"]);
    // An old debt of a subscription that Stripe calls active is history.
    let host = after(&[
        updated("active", START + DAY),
        of("invoice.marked_uncollectible", START),
    ]);
    assert!(host.sent.is_empty() && phase(&host) == Phase::Active);
}

#[test]
fn a_bill_that_is_written_off_before_its_due_date_suspends_too() {
    let mut host = after(&[bill("invoice.sent", "in_1", START, START + 14 * DAY)]);
    let off = bill(
        "invoice.marked_uncollectible",
        "in_1",
        START + DAY,
        START + 14 * DAY,
    );
    assert_eq!(effects(&tell(&mut host, &off)), SUSPENDED);
    assert!(nothing_is_scheduled(&host));
}

#[test]
fn a_payment_that_needs_the_customer_is_asked_for_once_an_attempt() {
    let needed = |attempt, at| {
        invoice(
            "invoice.payment_action_required",
            "in_1",
            at,
            attempt,
            Some(at + DAY),
        )
    };
    let mut host = host();
    let run = tell(&mut host, &needed(1, START));
    assert_eq!(effects(&run), ["payment_action_required"]);
    assert_eq!(
        run.sent[0].json(),
        json!({
            "template": "payment_action_required", "subscription": "sub_1", "customer": "cus_1",
            "to": "ada@example.com", "invoice": "in_1", "amount": 900, "currency": "eur",
            "pay_url": "https://invoice.stripe.com/i/1",
        })
    );
    assert_eq!(phase(&host), Phase::Active, "no attempt has failed yet");
    assert_eq!(effects(&tell(&mut host, &needed(1, START + 60))), [""; 0]);
    tell(&mut host, &failed("in_1", 1, START));
    let run = tell(&mut host, &needed(2, START + 2 * DAY));
    assert_eq!(effects(&run), ["payment_action_required"]);
    // Late news, and news of a paid invoice.
    tell(&mut host, &failed("in_1", 4, START + 9 * DAY));
    assert_eq!(
        effects(&tell(&mut host, &needed(3, START + 6 * DAY))),
        [""; 0]
    );
    tell(&mut host, &paid("in_1", START + 10 * DAY));
    assert_eq!(
        effects(&tell(&mut host, &needed(5, START + 9 * DAY))),
        [""; 0]
    );

    let first = json!({"billing_reason": "subscription_create"});
    let run = tell(&mut super::host(), &changed(&needed(1, START), first));
    assert!(is_ignored(&run), "the customer is at the checkout");
}

#[test]
fn no_mail_goes_to_nobody() {
    for email in [json!(null), json!(""), json!("  ")] {
        let nobody = |event: &Event| changed(event, json!({"customer_email": email}));
        let mut host = host();
        for event in [
            of("invoice.payment_action_required", START),
            failed("in_1", 1, START),
            failed_at_last("in_1", 2, START + DAY),
        ] {
            let run = tell(&mut host, &nobody(&event));
            assert!(run.sent.is_empty(), "{:?}", run.sent);
            assert!(run.logs.iter().any(|line| line.message.contains("no mail")));
        }
        pass(&mut host, 30);
        let run = tell(&mut host, &nobody(&of("invoice.paid", START + 40 * DAY)));
        assert_eq!(effects(&run), ["access restored", "subscription.recovered"]);
        assert!(host.sent.iter().all(|sent| sent.request.url == ACCESS));
        assert_eq!(
            host.sent.len(),
            2,
            "the access is suspended and restored all the same"
        );
    }
}

#[test]
fn test_mode_is_ignored_unless_the_config_says_otherwise() {
    let test = |event: &Event| {
        let mut body: Value = event.json().unwrap();
        body["livemode"] = json!(false);
        testing::event(&event.kind, &body)
    };
    for event in [
        failed("in_1", 1, START),
        updated("unpaid", START),
        deleted(START),
    ] {
        let mut host = host();
        let run = tell(&mut host, &test(&event));
        assert!(is_ignored(&run) && host.state().is_empty(), "{run:?}");
        let mut both = super::host().config("livemode", "any");
        tell(&mut both, &test(&event));
        assert!(!both.state().is_empty());
    }
}

#[test]
fn an_absent_next_attempt_is_no_last_attempt() {
    let mut body: Value = failed("in_1", 1, START).json().unwrap();
    let object = body["data"]["object"].as_object_mut().unwrap();
    for absent in [
        "next_payment_attempt",
        "collection_method",
        "due_date",
        "status",
    ] {
        object.remove(absent);
    }
    let run = tell(
        &mut host(),
        &testing::event("invoice.payment_failed", &body),
    );
    assert_eq!(effects(&run), ["payment_reminder 1"]);
}

#[test]
fn numbers_may_be_null() {
    let nulls = json!({
        "attempt_count": null, "amount_remaining": null, "currency": null, "billing_reason": null,
        "hosted_invoice_url": null, "status": null, "collection_method": null,
    });
    let run = tell(&mut host(), &changed(&failed("in_1", 1, START), nulls));
    assert_eq!(effects(&run), ["payment_reminder 1"]);
}
