//! Several gateways on one database.

use std::sync::Arc;

use super::Postgres;
use crate::conformance::{Collected, Engine, LATEST, Open, ending, event, handler, until, writing};
use crate::{
    Action, Completed, DeliveryState, Intervention, LeasedDelivery, NewEvent, NextState, OrderKey,
    Recipient, Recorded, ReplayComponent, ReplayKeys, StateWrite,
};

/// A second gateway beside an open one.
fn beside(postgres: &Postgres, first: &Open) -> Open {
    let sink = Arc::<Collected>::default();
    Open {
        ledger: postgres.open_beside(&first.ledger, first.clock.clone(), sink.clone()),
        sink,
        clock: first.clock.clone(),
    }
}

fn claim(open: &Open, of: &str) -> Vec<LeasedDelivery> {
    open.claim(&handler(of), LATEST)
}

/// An event for handler `a` with this order key.
fn keyed(id: &str) -> NewEvent {
    let to = Recipient {
        handler: handler("a"),
        key: Some(OrderKey::new(&handler("a"), "x")),
    };
    NewEvent {
        handlers: vec![to],
        ..event(id, b"{}", &[])
    }
}

#[test]
fn gateways_record_an_event_once() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    let many = 200;
    // Both record the same events at the same time, many of them in each batch.
    let record = |open: &Open| {
        let record = |n| {
            open.ledger
                .record(vec![event(&format!("evt_{n}"), b"{}", &["a"])])
        };
        let waiting: Vec<_> = (0..many).map(record).collect();
        let answers = waiting.into_iter().map(|of| {
            let answer = crate::conformance::block_on(of).unwrap();
            matches!(answer[..], [Recorded::New(_)])
        });
        answers.filter(|new| *new).count()
    };
    let new: usize = std::thread::scope(|scope| {
        let one = scope.spawn(|| record(&first));
        let other = scope.spawn(|| record(&second));
        one.join().unwrap() + other.join().unwrap()
    });
    assert_eq!(new, many);
    let counts = second.ledger.counts().unwrap();
    assert_eq!(
        (counts.events, counts.duplicates),
        (many as u64, many as u64)
    );
    let mut ids: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|open| open.sink.deliveries())
        .map(|delivery| delivery.id.0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), many, "each delivery was handed to one of them");
}

#[test]
fn a_key_keeps_its_order_over_gateways() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    first.record(vec![keyed("evt_1")]);
    second.record(vec![keyed("evt_2")]);
    first.record(vec![keyed("evt_3")]);
    assert!(second.sink.deliveries().is_empty(), "it stands behind");
    let head = first.sink.deliveries().remove(0);
    first.complete(ending(&head, NextState::Done)).unwrap();
    // The gateway that ends the head is handed the next one, whoever has recorded it.
    let next = first.sink.released().remove(0);
    assert_eq!(next.event.provider_id.as_deref(), Some("evt_2"));
    assert!(claim(&second, "a").is_empty());
    first.give_back("a", |_| false);
    until(|| !claim(&second, "a").is_empty());
}

#[test]
fn what_a_gateway_holds_goes_on_elsewhere_after_its_end() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    first.deliver("evt_1", &["a"]);
    assert!(claim(&second, "a").is_empty(), "the first gateway has it");
    first.ledger.close();
    // A clean end gives the leases back at once.
    let found = claim(&second, "a");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].delivery.crashes, 0);
}

#[test]
fn a_gateway_that_was_cut_off_commits_nothing() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    let delivery = first.deliver("evt_1", &["a"]).remove(0);
    first.leased(&delivery, |lease| first.ledger.started(lease));
    let late = first.leased(&delivery, |lease| {
        let mut late = writing(&delivery, &[("n", StateWrite::Add(1))]);
        late.token = lease.token();
        late
    });
    // As if the first gateway had been stopped for longer than its lease, while it ran the
    // delivery.
    until(|| {
        postgres.run(
            "UPDATE gateways SET until = clock_timestamp() - interval '1 second' WHERE slot = 0",
        );
        !claim(&second, "a").is_empty()
    });
    assert_eq!(first.complete_as(late), Ok(Completed::LeaseLost));
    assert_eq!(first.value("a", "n"), None);
    // It is registered anew, and goes on.
    let other = first.deliver("evt_2", &["b"]).remove(0);
    let done = first.complete(ending(&other, NextState::Done)).unwrap();
    assert_eq!(done, Completed::Committed);
    assert_eq!(second.deliveries_in(DeliveryState::Done), 1);
}

#[test]
fn a_handler_is_held_once_no_gateway_serves_it() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    first.serve(&["a"]);
    second.serve(&["b"]);
    first.deliver("evt_1", &["a", "b"]);
    assert_eq!(
        first.serve(&["a"]),
        (0, 0),
        "the other gateway serves the other handler"
    );
    assert_eq!(second.serve(&[]), (1, 0));
    assert_eq!(first.serve(&["a", "b"]), (0, 1));
}

/// Completions of two gateways that read a number and write the next one.
#[test]
fn state_loses_no_update_between_gateways() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    let many = 40;
    let increments = |open: &Open, name: &str| {
        for n in 0..many {
            let delivery = open.deliver(&format!("{name}_{n}"), &["a"]).remove(0);
            let attempt = || {
                let read = open.ledger.state_get(&handler("a"), "n").unwrap();
                let before = read.value.map_or(0, |value| {
                    String::from_utf8(value).unwrap().parse::<i32>().unwrap()
                });
                let next = StateWrite::Set((before + 1).to_string().into_bytes());
                let mut completion = writing(&delivery, &[("n", next)]);
                completion.reads = vec![crate::Read::Key {
                    key: "n".to_owned(),
                    version: read.version,
                }];
                completion
            };
            while open.complete(attempt()).unwrap() == Completed::Conflict {}
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| increments(&first, "one"));
        scope.spawn(|| increments(&second, "two"));
    });
    let all = (2 * many).to_string();
    assert_eq!(first.value("a", "n").as_deref(), Some(all.as_bytes()));
}

/// More deliveries than one of them takes at a time, of a handful of keys.
#[test]
fn gateways_share_the_work_of_many_keys_in_order() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let first = Open::new(&postgres);
    let second = beside(&postgres, &first);
    let (keys, each) = (5, 12);
    for n in 0..keys * each {
        let key = format!("k{}", n % keys);
        let mut new = keyed(&format!("evt_{n:03}"));
        new.handlers[0].key = Some(OrderKey::new(&handler("a"), &key));
        new.event.subject = Some(key);
        let open = if n % 2 == 0 { &first } else { &second };
        open.record(vec![new]);
    }
    let done = parking_lot::Mutex::new(Vec::new());
    let ended = || done.lock().len() == keys * each;
    let work = |open: &Open| {
        while !ended() {
            open.sink.released();
            open.sink.deliveries();
            open.give_back("a", |_| false);
            for LeasedDelivery { delivery, lease } in claim(open, "a") {
                let mut completion = ending(&delivery, NextState::Done);
                completion.token = lease.token();
                // Before the commit, after which the next of the key may run elsewhere.
                done.lock().push((
                    delivery.event.subject.clone(),
                    delivery.event.provider_id.clone(),
                ));
                let answer = open.complete_as(completion);
                assert_eq!(answer, Ok(Completed::Committed));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(&first));
        scope.spawn(|| work(&second));
    });
    let done = done.into_inner();
    for key in 0..keys {
        let key = Some(format!("k{key}"));
        let of_key: Vec<_> = done
            .iter()
            .filter(|(of, _)| *of == key)
            .map(|(_, id)| id)
            .collect();
        assert_eq!(of_key.len(), each);
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
}

/// An operator cancels what runs, and replays it after the run has ended.
#[test]
fn a_lease_that_ends_after_its_delivery_keeps_no_replay_back() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = Open::new(&postgres);
    let second = beside(&postgres, &open);
    let delivery = open.deliver("evt_1", &["a"]).remove(0);
    let ask = |action| {
        let intervention = Intervention {
            action,
            who: "ann".to_owned(),
            why: String::new(),
            batch: None,
        };
        open.ledger.intervene(intervention).unwrap()
    };
    ask(Action::Cancel(vec![delivery.id]));
    open.give_back("a", |_| false);
    // The database knows that the lease has ended.
    let leased = "DO $$ BEGIN IF EXISTS (SELECT 1 FROM history WHERE owner IS NOT NULL)
        THEN RAISE 'leased'; END IF; END $$";
    until(|| postgres.try_run(leased));
    ask(Action::Replay {
        deliveries: vec![delivery.id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    });
    assert_eq!(claim(&second, "a").len(), 1);
}
