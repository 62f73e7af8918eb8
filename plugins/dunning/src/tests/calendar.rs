//! Tests of the effects that time alone causes.

use std::time::Duration;

use super::*;

pub(super) fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY.unsigned_abs())
}

/// Lets days pass one by one. Returns the days with effects: the number of the day and the effects.
pub(super) fn pass(host: &mut Host, count: u64) -> Vec<(u64, Vec<String>)> {
    let mut out = Vec::new();
    for day in 1..=count {
        for run in host.advance(handle, days(1)) {
            assert!(run.result.is_ok(), "{run:?}");
            let went = effects(&run);
            if !went.is_empty() {
                out.push((day, went));
            }
        }
    }
    out
}

pub(super) fn expect(days: &[(u64, &[&str])]) -> Vec<(u64, Vec<String>)> {
    let owned = |effects: &[&str]| effects.iter().map(|&effect| effect.into()).collect();
    days.iter().map(|(day, out)| (*day, owned(out))).collect()
}

pub(super) const SUSPENDED: &[&str] = &[
    "access suspended",
    "payment_suspended",
    "subscription.suspended",
];

pub(super) fn nothing_is_scheduled(host: &Host) -> bool {
    host.scheduled().is_empty()
}

#[test]
fn one_failure_and_then_silence_leads_to_suspension() {
    let mut host = after(&[failed("in_1", 1, START)]);
    assert_eq!(
        pass(&mut host, 400),
        expect(&[
            (3, &["payment_reminder 2"]),
            (6, &["payment_reminder 3"]),
            (9, &["payment_grace"]),
            (16, SUSPENDED),
        ])
    );
    assert_eq!(phase(&host), Phase::Suspended);
    assert!(nothing_is_scheduled(&host));
    // A payment after the suspension restores the access.
    let now = i64::try_from(host.now_ms() / 1000).unwrap();
    let run = tell(&mut host, &paid("in_1", now));
    assert_eq!(
        effects(&run),
        [
            "access restored",
            "payment_recovered",
            "subscription.recovered"
        ]
    );
    assert!(pass(&mut host, 400).is_empty());
}

#[test]
fn mails_by_the_calendar_say_what_they_are_about() {
    let mut host = after(&[failed("in_1", 1, START)]);
    let run = host.advance(handle, days(3)).remove(0);
    assert_eq!(
        run.sent[0].json(),
        json!({
            "template": "payment_reminder", "level": 2, "subscription": "sub_1", "customer": "cus_1",
            "to": "ada@example.com", "invoice": "in_1", "amount": 900, "currency": "eur",
            "pay_url": "https://invoice.stripe.com/i/1",
        })
    );
    let run = host.advance(handle, days(6)).remove(1);
    let grace = run.sent[0].json();
    assert_eq!(grace["template"], "payment_grace");
    assert_eq!(grace["invoice"], "in_1");
    // The gateway's clock counts here, a second later than the provider's.
    assert_eq!(grace["suspend_at"], START + 16 * DAY);
}

#[test]
fn failed_attempts_and_the_calendar_count_together() {
    let mut host = after(&[failed("in_1", 1, START)]);
    assert!(pass(&mut host, 1).is_empty());
    let run = tell(&mut host, &failed("in_1", 2, START + 2 * DAY));
    assert_eq!(effects(&run), ["payment_reminder 2"]);
    // The second reminder was due on day 3, but went out already. The third goes out on day 6.
    assert_eq!(
        pass(&mut host, 4),
        expect(&[(4, &["payment_reminder 3"])]),
        "four days after day 2"
    );
    // The last attempt begins the grace period before the calendar does.
    let run = tell(&mut host, &failed_at_last("in_1", 3, START + 7 * DAY));
    assert_eq!(effects(&run), ["payment_grace"]);
    assert_eq!(pass(&mut host, 30), expect(&[(7, SUSPENDED)]));
}

#[test]
fn recovery_cancels_what_is_scheduled() {
    for passed in [0, 2, 4, 8, 10, 15] {
        let ends = [
            paid("in_1", START + 15 * DAY),
            updated("active", START + 15 * DAY),
            updated("unpaid", START + 15 * DAY),
            deleted(START + 15 * DAY),
        ];
        for end in ends {
            let mut host = after(&[failed("in_1", 1, START)]);
            pass(&mut host, passed);
            assert!(!nothing_is_scheduled(&host), "after {passed} days");
            tell(&mut host, &end);
            assert!(nothing_is_scheduled(&host), "{} after {passed}", end.kind);
            assert!(pass(&mut host, 400).is_empty());
        }
    }
}

#[test]
fn another_invoice_that_is_owed_keeps_the_calendar_running() {
    let mut host = after(&[failed("in_1", 1, START), failed("in_2", 1, START + DAY)]);
    // Day 1 has begun. Reminders of in_1 are due on days 3 and 6, those of in_2 on days 4 and 7.
    assert_eq!(
        pass(&mut host, 4),
        expect(&[(2, &["payment_reminder 2"]), (3, &["payment_reminder 2"])])
    );
    tell(&mut host, &paid("in_1", START + 5 * DAY));
    assert_eq!(
        pass(&mut host, 30),
        expect(&[
            (2, &["payment_reminder 3"]),
            (5, &["payment_grace"]),
            (12, SUSPENDED),
        ])
    );
}

#[test]
fn without_the_calendar_only_the_grace_period_ends_by_itself() {
    let mut host = host().config("remind_days", 0);
    tell(&mut host, &failed("in_1", 1, START));
    assert!(nothing_is_scheduled(&host));
    tell(&mut host, &failed_at_last("in_1", 2, START + DAY));
    assert_eq!(pass(&mut host, 30), expect(&[(7, SUSPENDED)]));
}

#[test]
fn news_of_long_ago_is_seen_in_the_light_of_today() {
    let mut host = host();
    let late = Event {
        received_ms: (START + 5 * DAY).unsigned_abs() * 1000,
        ..failed("in_1", 1, START)
    };
    tell(&mut host, &late);
    let mut went = Vec::new();
    for run in host.advance(handle, Duration::ZERO) {
        went.extend(effects(&run));
    }
    assert_eq!(went, ["payment_reminder 2"], "that of day 3, at once");
    assert_eq!(pass(&mut host, 1), expect(&[(1, &["payment_reminder 3"])]));
}

#[test]
fn a_gateway_that_was_away_catches_up_with_one_step() {
    let mut host = after(&[failed("in_1", 1, START)]);
    let woken = Event {
        received_ms: (START + 12 * DAY).unsigned_abs() * 1000,
        metadata: vec![("schedule".into(), "subscription/sub_1".into())],
        ..testing::event("dunning.due", &json!({"subscription": "sub_1"}))
    };
    let run = tell(&mut host, &woken);
    assert_eq!(effects(&run), ["payment_grace"], "one mail, not four");
    assert!(is_ignored(&tell(&mut host, &woken)), "once");
    assert_eq!(pass(&mut host, 30), expect(&[(4, SUSPENDED)]));
}

#[test]
fn only_the_handlers_own_calendar_tells_the_time() {
    let mut host = after(&[failed("in_1", 1, START)]);
    let forged = testing::event("dunning.due", &json!({"subscription": "sub_1"}));
    assert!(is_ignored(&tell(&mut host, &forged)));
    assert_eq!(phase(&host), Phase::Reminded(1));
}

#[test]
fn a_long_period_of_grace_ends_too() {
    let mut host = host().config("grace_days", 500);
    tell(&mut host, &failed_at_last("in_1", 1, START));
    assert_eq!(pass(&mut host, 600), expect(&[(500, SUSPENDED)]));
}
