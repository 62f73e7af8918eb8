//! Tests of each way from one phase to another, with its effects.

use super::*;

#[test]
fn from_the_first_failure_to_suspension_and_back() {
    let mut host = host();
    let grace_until = START + 9 * DAY + 7 * DAY;
    let story: [(Event, Phase, &[&str]); 8] = [
        (
            failed("in_1", 1, START),
            Phase::Reminded(1),
            &["payment_reminder 1"],
        ),
        (
            failed("in_1", 2, START + 3 * DAY),
            Phase::Reminded(2),
            &["payment_reminder 2"],
        ),
        (
            failed("in_1", 3, START + 6 * DAY),
            Phase::Reminded(3),
            &["payment_reminder 3"],
        ),
        (
            failed("in_1", 4, START + 9 * DAY),
            Phase::Grace { until: grace_until },
            &["payment_grace"],
        ),
        (
            updated("past_due", grace_until - 1),
            Phase::Grace { until: grace_until },
            &[],
        ),
        (
            updated("past_due", grace_until),
            Phase::Suspended,
            &[
                "access suspended",
                "payment_suspended",
                "subscription.suspended",
            ],
        ),
        (failed("in_1", 5, grace_until + DAY), Phase::Suspended, &[]),
        (
            paid("in_1", grace_until + 2 * DAY),
            Phase::Active,
            &[
                "access restored",
                "payment_recovered",
                "subscription.recovered",
            ],
        ),
    ];
    for (event, expected, out) in story {
        let run = tell(&mut host, &event);
        assert_eq!(
            phase(&host),
            expected,
            "after {}",
            event.provider_id.unwrap()
        );
        assert_eq!(effects(&run), out);
    }
}

#[test]
fn mails_and_events_say_what_they_are_about() {
    let mut host = host();
    let reminder = tell(&mut host, &failed("in_1", 1, START));
    assert_eq!(
        reminder.sent[0].json(),
        json!({
            "template": "payment_reminder", "level": 1, "subscription": "sub_1", "customer": "cus_1",
            "to": "ada@example.com", "invoice": "in_1", "amount": 900, "currency": "eur",
            "pay_url": "https://invoice.stripe.com/i/1",
        })
    );
    let last = tell(&mut host, &failed_at_last("in_1", 2, START + DAY));
    assert_eq!(last.sent[0].json()["template"], "payment_grace");
    assert_eq!(last.sent[0].json()["suspend_at"], START + 8 * DAY);
    let suspended = tell(&mut host, &updated("unpaid", START + 2 * DAY));
    assert_eq!(
        suspended.sent[0].json(),
        json!({"subscription": "sub_1", "customer": "cus_1", "access": "suspended"})
    );
    // The address is known, although this event does not contain it.
    assert_eq!(suspended.sent[1].json()["to"], "ada@example.com");
    let event = &suspended.emitted[0];
    assert_eq!(event.event.subject.as_deref(), Some("sub_1"));
    assert_eq!(
        event.json(),
        json!({"subscription": "sub_1", "customer": "cus_1", "was": "grace"})
    );
}

#[test]
fn the_last_attempt_begins_the_grace_period_at_once() {
    let run = tell(&mut host(), &failed_at_last("in_1", 1, START));
    assert_eq!(effects(&run), ["payment_grace"]);
}

#[test]
fn the_rules_are_the_manifests() {
    let mut strict = host().config("reminders", 0).config("grace_days", 0);
    let run = tell(&mut strict, &failed("in_1", 1, START));
    assert_eq!(
        effects(&run),
        [
            "access suspended",
            "payment_suspended",
            "subscription.suspended"
        ]
    );

    let mut patient = host().config("reminders", 9).config("remind_days", 0);
    tell(&mut patient, &failed("in_1", 8, START));
    let run = tell(&mut patient, &failed("in_1", 9, START + 90 * DAY));
    assert_eq!(effects(&run), ["payment_reminder 9"]);
}

#[test]
fn stripes_own_unpaid_suspends_and_its_active_restores() {
    let mut host = after(&[failed("in_1", 1, START)]);
    let run = tell(&mut host, &updated("unpaid", START + DAY));
    assert_eq!(
        effects(&run),
        [
            "access suspended",
            "payment_suspended",
            "subscription.suspended"
        ]
    );
    let run = tell(&mut host, &updated("active", START + 2 * DAY));
    assert_eq!(effects(&run), ["access restored", "subscription.restored"]);
    // Whether the invoice was paid or voided, only the invoice's own event says.
    let run = tell(&mut host, &paid("in_1", START + 2 * DAY));
    assert_eq!(
        effects(&run),
        ["payment_recovered", "subscription.recovered"]
    );
}

#[test]
fn a_failure_of_a_paid_invoice_is_ignored() {
    for settled in [
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice.voided",
    ] {
        let mut host = after(&[invoice(settled, "in_1", START + DAY, 2, None)]);
        let run = tell(&mut host, &failed("in_1", 1, START));
        assert!(is_ignored(&run), "{settled}: {run:?}");
        assert_eq!(phase(&host), Phase::Active);
    }
}

#[test]
fn a_reminder_does_not_step_back() {
    let mut host = after(&[failed("in_1", 2, START + 3 * DAY)]);
    let run = tell(&mut host, &failed("in_1", 1, START));
    assert_eq!(effects(&run), [""; 0]);
    assert_eq!(phase(&host), Phase::Reminded(2));
}

#[test]
fn an_update_older_than_the_last_is_ignored() {
    let mut host = after(&[updated("unpaid", START), updated("active", START + DAY)]);
    let run = tell(&mut host, &updated("past_due", START + DAY - 1));
    assert!(is_ignored(&run));
    assert_eq!(phase(&host), Phase::Active);
}

#[test]
fn another_invoice_that_is_owed_keeps_the_subscription_from_recovering() {
    let mut host = after(&[failed("in_1", 1, START), failed("in_2", 2, START + DAY)]);
    assert_eq!(phase(&host), Phase::Reminded(2));
    let run = tell(&mut host, &paid("in_2", START + 2 * DAY));
    assert_eq!((phase(&host), effects(&run)), (Phase::Reminded(1), vec![]));
    let run = tell(&mut host, &paid("in_1", START + 2 * DAY));
    assert_eq!(
        effects(&run),
        ["payment_recovered", "subscription.recovered"]
    );
}

#[test]
fn access_is_restored_when_what_is_left_owing_is_no_cause_to_suspend() {
    let mut host = after(&[
        failed_at_last("in_1", 1, START),
        failed("in_2", 1, START + 30 * DAY),
    ]);
    assert_eq!(phase(&host), Phase::Suspended);
    let run = tell(&mut host, &paid("in_1", START + 31 * DAY));
    assert_eq!(
        (phase(&host), effects(&run)),
        (
            Phase::Reminded(1),
            vec!["access restored".into(), "subscription.restored".into()]
        )
    );
}

#[test]
fn deleted_is_final() {
    let mut host = after(&[failed("in_1", 1, START)]);
    let run = tell(&mut host, &deleted(START + DAY));
    assert_eq!(effects(&run), ["subscription.canceled"]);
    assert_eq!(run.emitted[0].json()["was"], "reminded(1)");
    for event in [
        updated("active", START + 2 * DAY),
        failed("in_1", 2, START + 3 * DAY),
        paid("in_1", START + 4 * DAY),
        deleted(START + 5 * DAY),
    ] {
        let run = tell(&mut host, &event);
        assert_eq!(
            (phase(&host), effects(&run)),
            (Phase::Canceled, vec![]),
            "{}",
            event.kind
        );
    }
}

#[test]
fn canceled_by_an_update_is_as_final() {
    let mut host = after(&[updated("canceled", START)]);
    tell(&mut host, &updated("active", START + DAY));
    assert_eq!(phase(&host), Phase::Canceled);
}

#[test]
fn every_shape_of_an_invoices_subscription_is_read() {
    let shapes = [
        json!({"subscription": "sub_1"}),
        json!({"subscription": {"id": "sub_1", "object": "subscription"}}),
        json!({"subscription": null, "parent": {"subscription_details": {"subscription": "sub_1"}}}),
        json!({"parent": {"subscription_details": {"subscription": {"id": "sub_1"}}}}),
    ];
    for shape in shapes {
        let mut object = json!({
            "id": "in_1", "attempt_count": 1, "next_payment_attempt": START,
            "customer_email": "ada@example.com",
        });
        object
            .as_object_mut()
            .unwrap()
            .extend(shape.as_object().unwrap().clone());
        let mut host = host();
        let run = tell(
            &mut host,
            &stripe("invoice.payment_failed", START, object.clone()),
        );
        assert_eq!(effects(&run), ["payment_reminder 1"], "{object}");
    }
}

#[test]
fn what_is_not_dunned_is_ignored_and_leaves_nothing() {
    let first = json!({
        "id": "in_1", "subscription": "sub_1", "attempt_count": 1,
        "billing_reason": "subscription_create",
    });
    let others = [
        stripe("invoice.payment_failed", START, first),
        stripe(
            "invoice.payment_failed",
            START,
            json!({"id": "in_1", "parent": null}),
        ),
        stripe("customer.updated", START, json!({"id": "cus_1"})),
    ];
    for event in others {
        let mut host = host();
        let run = tell(&mut host, &event);
        assert!(is_ignored(&run) && host.state().is_empty(), "{run:?}");
    }
}

#[test]
fn settled_invoices_are_forgotten_in_time_and_not_owed_again() {
    let mut host = after(&[paid("in_1", START), paid("in_2", START + 91 * DAY)]);
    let size = host.state()["subscription/sub_1"].len();
    let run = tell(&mut host, &failed("in_1", 1, START - DAY));
    assert!(is_ignored(&run), "{run:?}");
    for month in 4..60 {
        tell(
            &mut host,
            &paid(&format!("in_{month}"), START + month * 30 * DAY),
        );
    }
    assert!(host.state()["subscription/sub_1"].len() < size * 5);
}

#[test]
fn mistakes_are_rejected_and_leave_nothing() {
    let cases = [
        (Host::new(), "`mail_url`"),
        (host().config("reminders", "many"), "`reminders`"),
        (host().config("grace_days", -1), "`grace_days`"),
        (host().config("remind_days", "soon"), "`remind_days`"),
    ];
    for (mut host, word) in cases {
        let run = host.run(handle, failed("in_1", 1, START));
        assert!(
            matches!(&run.result, Err(Failure::Reject(why)) if why.contains(word)),
            "{run:?}"
        );
        assert!(host.state().is_empty() && host.sent.is_empty());
    }
}
