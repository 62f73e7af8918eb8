//! Alerts and their notices, and the totals.

use super::outbox::{keys, tried};
use super::*;

/// The start or the end of an alert, with a notice of this key.
fn change(key: &str, since: u64, starts: bool, notice: &str) -> AlertChange {
    AlertChange {
        alert: LastingAlert {
            key: key.to_owned(),
            since: START + ms(since),
            text: "about".to_owned(),
        },
        starts,
        event: event_of("tollgate:alerts", notice, b"{}", &[]),
        notices: vec![(handler("alert:ops"), request(notice))],
    }
}

fn carried_out(open: &Open, changes: Vec<AlertChange>) -> Vec<bool> {
    open.ledger.change_alerts(changes, "{}".into()).unwrap()
}

/// The keys of the alerts that last.
fn lasting(open: &Open) -> Vec<String> {
    let lasting = open.ledger.alerts().unwrap().into_iter();
    lasting.map(|alert| alert.key).collect()
}

pub fn an_alert_starts_and_ends_once(engine: &dyn Engine) {
    let open = Open::new(engine);
    assert_eq!(open.ledger.alert_memory().unwrap(), None);
    assert_eq!(carried_out(&open, vec![change("a", 1, true, "1")]), [true]);
    let again = vec![change("a", 2, true, "2"), change("b", 2, true, "3")];
    assert_eq!(carried_out(&open, again), [false, true]);
    assert_eq!(keys(&open.sink.requests()), ["1", "3"]);
    let open = open.reopen(engine);
    assert_eq!(lasting(&open), ["a", "b"]);
    assert_eq!(open.ledger.alert_memory().unwrap(), Some("{}".into()));
    // An end of an alert that lasts since another time is none.
    assert_eq!(
        carried_out(&open, vec![change("a", 2, false, "4")]),
        [false]
    );
    let ends = vec![change("a", 1, false, "5"), change("c", 1, false, "6")];
    assert_eq!(carried_out(&open, ends), [true, false]);
    assert_eq!(keys(&open.sink.requests()), ["5"]);
    assert_eq!(lasting(&open), ["b"]);
}

pub fn a_notice_is_a_request_of_a_delivery_that_is_done(engine: &dyn Engine) {
    let open = Open::new(engine);
    carried_out(&open, vec![change("a", 1, true, "1")]);
    assert!(open.sink.deliveries().is_empty(), "nothing runs");
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.unrouted), (1, 0));
    assert!(counts.deliveries.contains(&(DeliveryState::Done, 1)));
    let open = open.reopen(engine);
    let host = request("1").url;
    let hosts = open.ledger.waiting_hosts(&handler("alert:ops")).unwrap();
    assert_eq!(hosts, [RequestHost::of_url(&host)]);
    let waiting = open.waiting("alert:ops");
    assert_eq!(keys(&waiting), ["1"]);
    let backlog = open.ledger.backlog(START).unwrap();
    assert_eq!((backlog.deliveries, backlog.requests), (0, 1));
    open.settle(tried(&waiting[0], Some(200), OutboxNext::Sent));
    // The event has ended with its notice, and goes in its time.
    let retention = Arc::new(Retention {
        events: Some(Duration::from_secs(1)),
        ..Retention::default()
    });
    open.clock.advance(Duration::from_secs(3_600));
    while open.ledger.sweep(&retention).unwrap().more {}
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.pruned), (0, 1));
    assert!(counts.outbox.iter().all(|(_, many)| *many == 0));
}

pub fn totals_are_those_of_the_counts(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = open.deliver("evt_1", &["a"]).remove(0);
    open.complete(ending(&delivery, NextState::Dead)).unwrap();
    let delivery = open.deliver("evt_2", &["a"]).remove(0);
    let due = STEADY + ms(10);
    let again = ending(&delivery, NextState::Retrying { due });
    open.complete(again).unwrap();
    outbox::queue(&open, "evt_3", &["1"]);
    let totals = open.ledger.totals(START).unwrap();
    let counts = open.ledger.counts().unwrap();
    assert_eq!(
        totals.counts,
        Counts {
            oldest: None,
            ..counts
        }
    );
    assert_eq!((totals.counts.died, totals.retries_due), (1, 0));
    assert_eq!(totals.oldest_request, Some(START));
    assert!(totals.bytes > 0);
    assert_eq!(open.ledger.totals(START + ms(10)).unwrap().retries_due, 1);
    // An operator who ends a delivery is no death.
    open.ask(Action::Cancel(vec![delivery.id]));
    assert_eq!(open.ledger.totals(START).unwrap().counts.died, 1);
    let commits = open.ledger.commits();
    assert!(commits.operations.count() >= 6 && commits.failed == 0);
    assert_eq!(commits.operations.count(), commits.duration.count());
}
