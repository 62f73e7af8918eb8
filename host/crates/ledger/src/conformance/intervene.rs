//! Interventions of operators on deliveries.

use super::*;

fn asked(action: Action) -> Intervention {
    Intervention {
        action,
        who: "ann".to_owned(),
        why: "a test".to_owned(),
        batch: None,
    }
}

impl Open {
    /// The results of an action.
    pub(super) fn ask(&self, action: Action) -> Vec<Intervened> {
        self.ledger.intervene(asked(action)).unwrap()
    }
}

fn replay(deliveries: &[DeliveryId], keys: ReplayKeys, component: ReplayComponent) -> Action {
    Action::Replay {
        deliveries: deliveries.to_vec(),
        keys,
        component,
        refetch: None,
    }
}

fn fresh(deliveries: &[DeliveryId]) -> Action {
    replay(deliveries, ReplayKeys::New, ReplayComponent::Current)
}

pub fn an_ended_delivery_runs_again(engine: &dyn Engine) {
    use DeliveryState::{Dead, Done, Retrying};
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    open.complete(ending(&of[0], NextState::Dead)).unwrap();
    let key = of[0].idempotency_key(0);
    let seqs = [of[0].id, of[1].id, DeliveryId(99)];
    let came = open.ask(fresh(&seqs));
    assert_eq!(
        came,
        [
            Intervened::Done,
            Intervened::State(DeliveryState::Pending),
            Intervened::Missing
        ]
    );
    assert_eq!(
        (open.deliveries_in(Dead), open.deliveries_in(Retrying)),
        (0, 1)
    );
    let due = open.due("a", STEADY);
    assert_eq!(due.len(), 1, "it is due at once");
    let again = &due[0];
    assert_eq!(
        (again.id, again.run, again.keys, again.attempts),
        (of[0].id, 1, 1, 0)
    );
    assert!(again.is_replay());
    assert_ne!(again.idempotency_key(0), key);
    open.complete(ending(again, NextState::Done)).unwrap();
    assert_eq!(open.deliveries_in(Done), 1);

    // With the same keys, runs are told apart all the same.
    let same = replay(&seqs[..1], ReplayKeys::Same, ReplayComponent::Current);
    assert_eq!(open.ask(same), [Intervened::Done]);
    let third = &open.due("a", STEADY)[0];
    assert_eq!((third.run, third.keys), (2, 1));
    assert_eq!(third.idempotency_key(0), again.idempotency_key(0));
    open.complete(ending(third, NextState::Retrying { due: STEADY }))
        .unwrap();
    let third = &open.due("a", STEADY)[0];
    assert_eq!((third.attempts, third.keys), (1, 1));

    let open = open.reopen(engine);
    let kept = &open.due("a", STEADY)[0];
    assert_eq!((kept.run, kept.keys, kept.attempts), (2, 1, 1));
}

pub fn an_attempt_of_an_earlier_run_is_stale(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a"]);
    let cancel = Action::Cancel(vec![of[0].id]);
    assert_eq!(open.ask(cancel), [Intervened::Done]);
    open.ask(fresh(&[of[0].id]));
    // The run that was under way at the cancellation ends now.
    let mut late = writing(&of[0], &[("k", set("late"))]);
    late.effects.outbox.push(request("late"));
    assert_eq!(open.complete(late).unwrap(), Completed::Stale);
    assert_eq!(open.value("a", "k"), None);
    assert!(open.sink.requests().is_empty());
    let again = &open.due("a", STEADY)[0];
    assert_eq!(
        open.complete(writing(again, &[("k", set("new"))])).unwrap(),
        Completed::Committed
    );
    assert_eq!(open.value("a", "k"), Some(b"new".to_vec()));
}

pub fn an_open_delivery_is_cancelled_and_stays_listed(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["pending", "retrying", "held", "done", "claimed"]);
    let due = STEADY + ms(1000);
    open.complete(ending(&of[1], NextState::Retrying { due }))
        .unwrap();
    open.complete(ending(&of[3], NextState::Done)).unwrap();
    open.leased(&of[4], |lease| open.ledger.start_alone(lease))
        .unwrap();
    open.serve(&["pending", "retrying", "done", "claimed"]);
    let all: Vec<_> = of.iter().map(|delivery| delivery.id).collect();
    let came = open.ask(Action::Cancel(all.clone()));
    let refused = Intervened::State(DeliveryState::Done);
    let done = Intervened::Done;
    assert_eq!(came, [done, done, done, refused, done]);
    assert_eq!(open.deliveries_in(DeliveryState::Dead), 4);
    assert_eq!(
        open.complete(ending(&of[0], NextState::Done)).unwrap(),
        Completed::Stale
    );
    assert!(open.pending("pending").is_empty() && open.due("retrying", due).is_empty());
    let came = open.ask(Action::Cancel(all));
    assert!(came.iter().all(|came| matches!(came, Intervened::State(_))));
}

pub fn a_retry_is_brought_forward(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    let due = STEADY + ms(1_000_000);
    open.complete(ending(&of[0], NextState::Retrying { due }))
        .unwrap();
    let both = Action::Retry(vec![of[0].id, of[1].id]);
    let came = open.ask(both);
    let pending = Intervened::State(DeliveryState::Pending);
    assert_eq!(came, [Intervened::Done, pending]);
    let again = &open.due("a", STEADY)[0];
    assert_eq!((again.run, again.attempts), (0, 1), "it is no replay");
}

pub fn a_step_that_is_asked_for_twice_is_done_once(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a"]);
    open.complete(ending(&of[0], NextState::Done)).unwrap();
    let step = |batch: &str| {
        let mut step = asked(fresh(&[of[0].id]));
        step.batch = Some(batch.to_owned());
        open.ledger.intervene(step).unwrap()[0]
    };
    assert_eq!(step("one"), Intervened::Done);
    let again = open.due("a", STEADY).remove(0);
    open.complete(ending(&again, NextState::Done)).unwrap();
    assert_eq!(step("one"), Intervened::Before);
    assert_eq!(open.deliveries_in(DeliveryState::Done), 1);
    assert_eq!(step("two"), Intervened::Done);
}

pub fn the_recorded_component_is_what_the_last_attempt_ran(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    open.complete(ending(&of[0], NextState::Dead)).unwrap();
    open.ask(Action::Cancel(vec![of[1].id]));
    let seqs = [of[0].id, of[1].id];
    let recorded = replay(&seqs, ReplayKeys::New, ReplayComponent::Recorded);
    let came = open.ask(recorded);
    assert_eq!(came, [Intervened::Done, Intervened::NoComponent]);
    let again = &open.due("a", STEADY)[0];
    assert_eq!(again.component, Some(ComponentDigest([7; 32])));
    open.complete(ending(again, NextState::Dead)).unwrap();
    open.ask(fresh(&seqs[..1]));
    assert_eq!(open.due("a", STEADY)[0].component, None);
    let named = |byte| open.ledger.is_named(ComponentDigest([byte; 32])).unwrap();
    assert!(named(7) && !named(8));
}

pub fn an_event_is_routed_to_who_has_not_had_it(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.record(vec![event("evt_1", b"{}", &[])]);
    open.record(vec![event("evt_2", b"{}", &["old", "a"])]);
    let of = open.sink.deliveries();
    open.complete(ending(&of[1], NextState::Done)).unwrap();
    open.serve(&["a", "new"]);
    let unrouted = event("evt_1", b"{}", &[]).event;
    assert_eq!(open.ledger.counts().unwrap().unrouted, 1);
    let held = Arc::clone(&of[0].event);
    let route = |event: &Arc<Event>, handlers: &[&str]| {
        let handlers = handlers.iter().map(|name| handler(name).into()).collect();
        let action = Action::Route(vec![RoutedAnew {
            event: Arc::clone(event),
            handlers,
            resolve: false,
        }]);
        open.ask(action)[0]
    };
    assert_eq!(route(&Arc::new(unrouted), &["a"]), Intervened::Missing);
    assert_eq!(route(&held, &["a"]), Intervened::NoRoute);
    assert_eq!(open.deliveries_in(DeliveryState::Held), 1);
    assert_eq!(route(&held, &["a", "new"]), Intervened::Routed(1));
    assert_eq!(open.deliveries_in(DeliveryState::Held), 0, "it is replaced");
    assert_eq!(open.deliveries_in(DeliveryState::Dead), 1);
    let made = open.sink.deliveries();
    assert_eq!(made.len(), 1);
    assert!(made[0].is_replay() && made[0].handler == handler("new"));
    assert_eq!(made[0].event.id, held.id);
    assert_eq!(open.pending("new").len(), 1);
    open.complete(ending(&made[0], NextState::Done)).unwrap();
    assert_eq!(route(&held, &["a", "new"]), Intervened::NoRoute);

    let open = open.reopen(engine);
    assert_eq!(open.ledger.counts().unwrap().unrouted, 1);
}
