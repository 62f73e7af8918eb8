//! Tests of invoices that the customer pays by themselves until a due date
//! (`collection_method: "send_invoice"`).

use super::calendar::{SUSPENDED, days, expect, nothing_is_scheduled, pass};
use super::*;

const DUE: i64 = START + 14 * DAY;

/// Every event that tells of a sent invoice before its due date.
fn early() -> [Event; 4] {
    [
        bill("invoice.finalized", "in_1", START, DUE),
        bill("invoice.sent", "in_1", START, DUE),
        bill("invoice.updated", "in_1", START, DUE),
        // The customer's card was refused on the payment page.
        bill("invoice.payment_failed", "in_1", START, DUE),
    ]
}

#[test]
fn nothing_is_sent_before_the_due_date_and_the_grace_period_begins_with_it() {
    for event in early() {
        let mut host = host();
        let run = tell(&mut host, &event);
        assert_eq!(effects(&run), [""; 0], "{}", event.kind);
        assert_eq!(phase(&host), Phase::Active);
        let scheduled = host.scheduled()["subscription/sub_1"].due_ms;
        assert_eq!(scheduled, DUE.unsigned_abs() * 1000, "{}", event.kind);
        assert!(pass(&mut host, 13).is_empty(), "{}", event.kind);
        let run = host.advance(handle, days(1)).remove(0);
        assert_eq!(effects(&run), ["payment_grace"]);
        let mail = run.sent[0].json();
        assert_eq!(mail["suspend_at"], DUE + 7 * DAY);
        assert_eq!(mail["invoice"], "in_1");
        assert_eq!(mail["to"], "ada@example.com");
        assert_eq!(pass(&mut host, 400), expect(&[(7, SUSPENDED)]));
        assert!(nothing_is_scheduled(&host));
    }
}

#[test]
fn a_bill_that_is_paid_in_time_is_never_mentioned() {
    let paid = || bill("invoice.paid", "in_1", START + 3 * DAY, DUE);
    for event in early() {
        for events in testing::orders(&[event, paid()]) {
            let mut host = after(&events);
            assert!(host.sent.is_empty() && host.emitted.is_empty());
            assert!(nothing_is_scheduled(&host));
            assert!(pass(&mut host, 400).is_empty());
        }
    }
}

#[test]
fn a_bill_that_is_paid_late_recovers() {
    let mut host = after(&[bill("invoice.sent", "in_1", START, DUE)]);
    assert_eq!(pass(&mut host, 15), expect(&[(14, &["payment_grace"])]));
    let run = tell(&mut host, &bill("invoice.paid", "in_1", DUE + DAY, DUE));
    assert_eq!(
        effects(&run),
        ["payment_recovered", "subscription.recovered"]
    );
    assert!(nothing_is_scheduled(&host));
    assert!(pass(&mut host, 400).is_empty());
}

#[test]
fn an_overdue_bill_is_in_its_grace_period() {
    let overdue = |at| bill("invoice.overdue", "in_1", at, DUE);
    let run = tell(&mut host(), &overdue(DUE));
    assert_eq!(effects(&run), ["payment_grace"]);
    // The grace period counts from the due date, although Stripe reports it days later.
    let run = tell(&mut host(), &overdue(DUE + 2 * DAY));
    assert_eq!(run.sent[0].json()["suspend_at"], DUE + 7 * DAY);
    let run = tell(&mut host(), &overdue(DUE + 7 * DAY));
    assert_eq!(effects(&run), SUSPENDED);
    // The calendar was there before.
    let mut host = after(&[bill("invoice.sent", "in_1", START, DUE)]);
    assert_eq!(pass(&mut host, 15), expect(&[(14, &["payment_grace"])]));
    assert_eq!(effects(&tell(&mut host, &overdue(DUE + DAY))), [""; 0]);
    assert_eq!(pass(&mut host, 30), expect(&[(6, SUSPENDED)]));
    // An overdue bill without a due date is due when Stripe reports it.
    let dateless = changed(&overdue(DUE + DAY), json!({"due_date": null}));
    let run = tell(&mut super::host(), &dateless);
    assert_eq!(run.sent[0].json()["suspend_at"], DUE + 8 * DAY);
}

#[test]
fn a_due_date_that_is_moved_counts_as_it_was_moved() {
    let first = bill("invoice.sent", "in_1", START, DUE);
    let moved = bill("invoice.updated", "in_1", START + DAY, DUE + 10 * DAY);
    for events in testing::orders(&[first.clone(), moved.clone()]) {
        let mut host = after(&events);
        assert!(pass(&mut host, 22).is_empty());
        assert_eq!(
            pass(&mut host, 30),
            expect(&[(1, &["payment_grace"]), (8, SUSPENDED)])
        );
    }
}

#[test]
fn the_first_bill_of_a_subscription_is_a_bill_like_any_other() {
    let first = json!({"billing_reason": "subscription_create"});
    let mut host = after(&[changed(&bill("invoice.sent", "in_1", START, DUE), first)]);
    assert_eq!(
        pass(&mut host, 400),
        expect(&[(14, &["payment_grace"]), (21, SUSPENDED)])
    );
}

#[test]
fn a_bill_stays_owed_although_stripe_calls_the_subscription_active() {
    // Another invoice was paid, or Stripe has not looked at the due date yet.
    let mut host = after(&[
        bill("invoice.sent", "in_1", START, DUE),
        updated("active", DUE + 1),
    ]);
    assert_eq!(
        phase(&host),
        Phase::Grace {
            until: DUE + 7 * DAY
        }
    );
    tell(&mut host, &updated("active", DUE + 8 * DAY));
    assert_eq!(phase(&host), Phase::Suspended);
}

#[test]
fn a_bill_without_a_date_waits_for_one() {
    for kind in ["invoice.payment_failed", "invoice.sent"] {
        let open = changed(&bill(kind, "in_1", START, DUE), json!({"due_date": null}));
        let mut host = after(&[open]);
        assert!(nothing_is_scheduled(&host) && pass(&mut host, 400).is_empty());
    }
}

#[test]
fn what_is_no_open_bill_is_ignored() {
    let sent = bill("invoice.sent", "in_1", START, DUE);
    let others = [
        changed(
            &sent,
            json!({"collection_method": "charge_automatically", "due_date": null}),
        ),
        changed(&sent, json!({"status": "draft"})),
        changed(&sent, json!({"status": "paid"})),
        changed(&sent, json!({"status": "void"})),
        invoice("invoice.overdue", "in_1", START, 1, None),
        invoice("invoice.updated", "in_1", START, 1, None),
    ];
    for event in others {
        let mut host = host();
        let run = tell(&mut host, &event);
        assert!(is_ignored(&run) && host.state().is_empty(), "{run:?}");
    }
}
