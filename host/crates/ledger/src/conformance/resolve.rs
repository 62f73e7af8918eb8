//! Events that wait for their objects.

use super::*;
use tollgate_base::time::WallTime;

/// An event of `stripe` that is to be resolved, for these handlers.
fn thin(id: &str, handlers: &[&str]) -> NewEvent {
    NewEvent {
        form: EventForm::Thin,
        ..event(id, b"{\"thin\":1}", handlers)
    }
}

/// The same, with this order key for each handler.
fn keyed(id: &str, handlers: &[&str], key: &str, resolve: bool) -> NewEvent {
    let to = |name: &&str| Recipient {
        handler: handler(name),
        key: Some(OrderKey::new(&handler(name), key)),
    };
    NewEvent {
        handlers: handlers.iter().map(to).collect(),
        form: match resolve {
            true => EventForm::Thin,
            false => EventForm::Whole,
        },
        ..event(id, b"{}", &[])
    }
}

fn found(at: WallTime, json: &str) -> Resolved {
    Resolved {
        at,
        object: Some(Told::Found(Bytes::copy_from_slice(json.as_bytes()))),
        event: None,
    }
}

/// Ends a try of an event's resolution.
fn end(open: &Open, event: EventId, end: ResolutionEnd) -> ResolutionSettled {
    let leased = open.lease_resolution(event);
    open.resolve(TriedResolution {
        resolution: leased.lease.item(),
        token: leased.lease.token(),
        end,
    })
}

fn resolve(open: &Open, event: EventId, resolved: Resolved) {
    let note = String::new();
    let settled = end(open, event, ResolutionEnd::Resolved { resolved, note });
    assert_eq!(settled, ResolutionSettled::Committed);
}

fn record(open: &Open, new: NewEvent) -> EventId {
    let id = new.event.id;
    assert_eq!(open.record(vec![new]), [Recorded::New(id)]);
    id
}

fn summary(open: &Open, event: EventId, of: usize) -> DeliverySummary {
    let detail = open.ledger.event(event).unwrap().unwrap();
    detail.history[of].delivery.clone()
}

fn counts(open: &Open) -> (u64, u64, u64) {
    let counts = open.ledger.counts().unwrap();
    (counts.resolving, counts.resolved, counts.resolved_gone)
}

/// How many deliveries and how many events the filter `blocked` lists, and how many are counted.
fn blocked(open: &Open) -> (usize, usize, u64) {
    let filter = RecordFilter {
        state: Some(StateFilter::Blocked),
        ..RecordFilter::default()
    };
    let page = Page {
        after: None,
        until: None,
        limit: 100,
        order: ListOrder::Oldest,
    };
    let deliveries = open.ledger.deliveries(&filter, &page).unwrap().items.len();
    let events = open.ledger.events(&filter, &page).unwrap().items.len();
    (deliveries, events, open.ledger.counts().unwrap().blocked)
}

fn replay(deliveries: &[&Delivery], refetch: bool) -> Intervention {
    Intervention {
        action: Action::Replay {
            deliveries: deliveries.iter().map(|delivery| delivery.id).collect(),
            keys: ReplayKeys::New,
            component: ReplayComponent::Current,
            refetch: match refetch {
                true => Some(vec![SourceName::new("stripe")]),
                false => None,
            },
        },
        who: "test".to_owned(),
        why: String::new(),
        batch: None,
    }
}

pub fn deliveries_wait_until_their_event_is_resolved(engine: &dyn Engine) {
    let open = Open::new(engine);
    let id = record(&open, thin("evt_1", &["a", "b"]));
    assert!(open.sink.unresolved());
    assert!(open.sink.deliveries().is_empty() && open.due("a", LATEST).is_empty());
    assert_eq!(counts(&open), (1, 0, 0));
    let waits = summary(&open, id, 0);
    assert_eq!((waits.state.as_str(), waits.blocked_by), ("pending", None));
    assert_eq!(waits.waits_for.map(|waits| waits.tries), Some(0));
    // The backlog counts deliveries that wait for an object.
    let backlog = open.ledger.backlog(START).unwrap();
    assert_eq!((backlog.deliveries, backlog.oldest), (2, Some(START)));

    let told = found(START + ms(5), "{\"id\":\"pi_1\"}");
    resolve(&open, id, told.clone());
    let released = open.sink.released();
    assert_eq!(released.len(), 2);
    assert!(open.sink.deliveries().is_empty());
    for delivery in &released {
        assert_eq!(delivery.resolved.as_deref(), Some(&told));
        assert_eq!(&delivery.event.payload[..], b"{\"thin\":1}");
    }
    assert_eq!(counts(&open), (0, 1, 0));
    let again = open.due("a", STEADY);
    assert_eq!(
        again[0].resolved.as_deref(),
        Some(&told),
        "a claim has it too"
    );
    let detail = open.ledger.event(id).unwrap().unwrap();
    let shown = detail.resolved.unwrap();
    assert_eq!((shown.at_ms, shown.tries), (START + ms(5), 1));
    let text = Payload::Text("{\"id\":\"pi_1\"}".into());
    assert_eq!(shown.object, Some(ToldView::Found(text)));
    for delivery in &released {
        let ended = open.complete(ending(delivery, NextState::Done)).unwrap();
        assert_eq!(ended, Completed::Committed);
    }
    // A duplicate asks nothing.
    let first = Some(id);
    let again = open.record(vec![thin("evt_1", &["a", "b"])]);
    let same_bytes = true;
    assert_eq!(again, [Recorded::Duplicate { first, same_bytes }]);
    assert_eq!(counts(&open), (0, 1, 0));
}

pub fn what_waits_for_its_object_is_not_blocked(engine: &dyn Engine) {
    let open = Open::new(engine);
    record(&open, thin("evt_1", &["a", "b"]));
    record(&open, keyed("evt_2", &["a"], "x", false));
    record(&open, keyed("evt_3", &["a"], "x", false));
    assert_eq!(blocked(&open), (1, 1, 1));
    record(&open, keyed("evt_4", &["a"], "y", true));
    assert_eq!(blocked(&open), (1, 1, 1));
    record(&open, keyed("evt_5", &["a"], "y", false));
    assert_eq!(blocked(&open), (2, 2, 2));
}

pub fn an_event_without_a_handler_waits_for_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    record(&open, thin("evt_1", &[]));
    assert_eq!(counts(&open), (0, 0, 0));
    assert!(!open.sink.unresolved());
    assert!(open.ledger.waiting_resolutions().unwrap().is_empty());
}

pub fn a_try_that_failed_is_shown_and_due_later(engine: &dyn Engine) {
    let open = Open::new(engine);
    let id = record(&open, thin("evt_1", &["a"]));
    let due = STEADY + ms(30);
    let failed = ResolutionEnd::Later {
        due,
        status: Some(401),
        error: "the key is refused".to_owned(),
        mend: true,
    };
    assert_eq!(end(&open, id, failed), ResolutionSettled::Committed);
    let source = SourceName::new("stripe");
    let early = open
        .ledger
        .claim_resolutions(&source, due - ms(1), 9)
        .unwrap();
    assert!(early.leased.is_empty());
    assert_eq!((early.more, early.next), (false, Some(due)));
    assert_eq!(open.lease_resolution(id).resolution.tries, 1);
    let waits = summary(&open, id, 0).waits_for.unwrap();
    assert_eq!(
        (waits.tries, waits.to_mend, waits.status),
        (1, true, Some(401))
    );
    assert_eq!(waits.due_ms, START + ms(30));
    let waiting = open.ledger.waiting_resolutions().unwrap();
    let [stripe] = &waiting[..] else {
        panic!("{waiting:?}");
    };
    assert_eq!(
        (stripe.waiting, stripe.to_mend, stripe.oldest),
        (1, 1, START)
    );
    let last = Some((Some(401), "the key is refused".to_owned()));
    assert_eq!(stripe.last, last);
    assert!(open.due("a", LATEST).is_empty());
}

pub fn one_claimer_has_an_event_and_a_stale_token_changes_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let ids = ["evt_1", "evt_2"].map(|id| record(&open, thin(id, &["a"])));
    let source = SourceName::new("stripe");
    let claim = |limit| {
        open.ledger
            .claim_resolutions(&source, STEADY, limit)
            .unwrap()
    };
    let first = claim(1);
    assert_eq!((first.leased.len(), first.more), (1, true));
    assert_eq!(
        first.leased[0].resolution.event.id, ids[0],
        "in order of arrival"
    );
    let second = claim(9);
    assert_eq!((second.leased.len(), second.more), (1, false));
    assert_eq!(second.leased[0].resolution.event.id, ids[1]);
    assert!(claim(9).leased.is_empty());
    let stale = first.leased[0].lease.token();
    let resolution = first.leased[0].lease.item();
    drop(first);
    let tried = |token| TriedResolution {
        resolution,
        token,
        end: ResolutionEnd::Resolved {
            resolved: found(START, "{}"),
            note: String::new(),
        },
    };
    let again = claim(9);
    assert_eq!(open.resolve(tried(stale)), ResolutionSettled::LeaseLost);
    assert_eq!(counts(&open), (2, 0, 0));
    let token = again.leased[0].lease.token();
    assert_eq!(open.resolve(tried(token)), ResolutionSettled::Committed);
    assert_eq!(
        open.resolve(tried(token)),
        ResolutionSettled::LeaseLost,
        "it ended"
    );
    assert_eq!(counts(&open), (1, 1, 0));
}

pub fn waiting_events_keep_the_order_of_their_key(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = record(&open, keyed("evt_1", &["a"], "k", true));
    let second = record(&open, keyed("evt_2", &["a"], "k", true));
    let third = record(&open, keyed("evt_3", &["a"], "k", false));
    assert!(open.sink.deliveries().is_empty(), "the third stands behind");
    resolve(&open, second, found(START, "2"));
    assert!(open.sink.released().is_empty(), "the first still waits");
    resolve(&open, first, found(START, "1"));
    let mut order = Vec::new();
    while let [next] = &open.sink.released()[..] {
        order.push(next.event.id);
        open.complete(ending(next, NextState::Done)).unwrap();
    }
    assert_eq!(order, [first, second, third]);
    // A line whose head ends while the next waits has no head, and goes on with the answer.
    let head = record(&open, keyed("evt_4", &["a"], "k", false));
    let next = record(&open, keyed("evt_5", &["a"], "k", true));
    let [delivery] = &open.sink.deliveries()[..] else {
        panic!("the head may run");
    };
    assert_eq!(delivery.event.id, head);
    open.complete(ending(delivery, NextState::Done)).unwrap();
    assert!(open.sink.released().is_empty());
    resolve(&open, next, found(START, "5"));
    assert_eq!(open.sink.released()[0].event.id, next);
}

pub fn a_crash_loses_neither_a_question_nor_an_answer(engine: &dyn Engine) {
    let open = Open::new(engine);
    let [told, asked] = ["evt_1", "evt_2"].map(|id| record(&open, thin(id, &["a"])));
    resolve(&open, told, found(START, "{}"));
    let leased = open.lease_resolution(asked);
    let clock = open.clock.clone();
    engine.crash(open.ledger);
    let open = Open::with(engine, clock);
    drop(leased);
    assert_eq!(counts(&open), (1, 1, 0));
    let due = open.due("a", STEADY);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].resolved.as_deref(), Some(&found(START, "{}")));
    resolve(&open, asked, found(START, "2"));
    assert_eq!(open.sink.released().len(), 1);
}

pub fn a_replay_has_what_was_told_or_asks_anew(engine: &dyn Engine) {
    let open = Open::new(engine);
    let id = record(&open, thin("evt_1", &["a"]));
    resolve(&open, id, found(START, "1"));
    let delivery = open.sink.released().remove(0);
    open.complete(ending(&delivery, NextState::Done)).unwrap();
    let ask = |refetch| {
        let came = open
            .ledger
            .intervene(replay(&[&delivery], refetch))
            .unwrap();
        assert_eq!(came, [Intervened::Done]);
    };
    ask(false);
    let again = open.due("a", STEADY).remove(0);
    assert_eq!(again.resolved.as_deref(), Some(&found(START, "1")));
    open.complete(ending(&again, NextState::Done)).unwrap();
    open.sink.unresolved();
    ask(true);
    assert!(open.sink.unresolved());
    assert!(open.due("a", LATEST).is_empty());
    resolve(&open, id, found(START + ms(9), "2"));
    let anew = open.sink.released().remove(0);
    assert_eq!(anew.resolved.as_deref(), Some(&found(START + ms(9), "2")));
    assert_eq!(anew.run, 2);
    // An event of another source has nothing to ask.
    open.complete(ending(&anew, NextState::Done)).unwrap();
    record(&open, event_of("other", "evt_2", b"{}", &["a"]));
    let plain = open.sink.deliveries().remove(0);
    open.complete(ending(&plain, NextState::Done)).unwrap();
    open.ledger.intervene(replay(&[&plain], true)).unwrap();
    assert_eq!(open.due("a", STEADY).len(), 1);
}

pub fn one_that_blocks_its_key_waits_when_it_asks_anew(engine: &dyn Engine) {
    let open = Open::new(engine);
    let id = record(&open, keyed("evt_1", &["a"], "k", true));
    record(&open, keyed("evt_2", &["a"], "k", false));
    resolve(&open, id, found(START, "1"));
    let delivery = open.sink.released().remove(0);
    let mut dead = ending(&delivery, NextState::Dead);
    dead.order.blocks_when_dead = true;
    open.complete(dead).unwrap();
    open.ledger.intervene(replay(&[&delivery], true)).unwrap();
    assert!(open.due("a", LATEST).is_empty(), "neither runs");
    resolve(&open, id, found(START, "2"));
    let again = open.sink.released().remove(0);
    assert_eq!(again.id, delivery.id);
    open.complete(ending(&again, NextState::Done)).unwrap();
    assert_eq!(open.sink.released().len(), 1, "the other follows");
}

pub fn what_was_told_goes_with_the_event(engine: &dyn Engine) {
    let open = Open::new(engine);
    let ids = ["evt_1", "evt_2", "evt_3"].map(|id| record(&open, thin(id, &["a"])));
    for id in &ids[..2] {
        resolve(&open, *id, found(START, "{\"email\":1}"));
    }
    for delivery in open.sink.released() {
        open.complete(ending(&delivery, NextState::Done)).unwrap();
    }
    assert_eq!(open.ledger.erase(ids[0]), Ok(Erased::Done));
    let detail = open.ledger.event(ids[0]).unwrap().unwrap();
    assert_eq!((detail.resolved, detail.resolving), (None, None));
    assert_eq!(open.ledger.erase(ids[2]), Ok(Erased::StillDue));
    // One that waits and whose delivery was cancelled goes too, with its question.
    let waits = DeliveryId(summary(&open, ids[2], 0).seq);
    let leased = open.lease_resolution(ids[2]);
    let cancel = Intervention {
        action: Action::Cancel(vec![waits]),
        ..replay(&[], false)
    };
    assert_eq!(open.ledger.intervene(cancel), Ok(vec![Intervened::Done]));
    let keep = Arc::new(Retention {
        events: Some(ms(1000)),
        ..Retention::default()
    });
    open.clock.advance(ms(60_000));
    until(|| {
        open.ledger.sweep(&keep).unwrap();
        open.ledger.counts().unwrap().events == 0
    });
    assert_eq!(counts(&open), (0, 2, 0));
    let late = TriedResolution {
        resolution: leased.lease.item(),
        token: leased.lease.token(),
        end: ResolutionEnd::Resolved {
            resolved: found(START, "{}"),
            note: String::new(),
        },
    };
    assert_eq!(open.resolve(late), ResolutionSettled::Stale);
    assert_eq!(counts(&open), (0, 2, 0));
}

pub fn one_that_is_cancelled_makes_way(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = record(&open, keyed("evt_1", &["a"], "k", true));
    record(&open, keyed("evt_2", &["a"], "k", false));
    let waits = DeliveryId(summary(&open, first, 0).seq);
    let cancel = Intervention {
        action: Action::Cancel(vec![waits]),
        ..replay(&[], false)
    };
    assert_eq!(open.ledger.intervene(cancel), Ok(vec![Intervened::Done]));
    assert_eq!(open.sink.released().len(), 1, "the second may run");
    // A replay waits still: nobody has told of the object.
    let dead = Delivery {
        id: waits,
        ..open.pending("a").remove(0)
    };
    open.ledger.intervene(replay(&[&dead], false)).unwrap();
    assert!(open.sink.released().is_empty());
    assert!(summary(&open, first, 0).waits_for.is_some());
}

pub fn an_absent_handlers_delivery_is_held_meanwhile(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.serve(&["b"]);
    let id = record(&open, thin("evt_1", &["a"]));
    assert_eq!(open.deliveries_in(DeliveryState::Held), 1);
    resolve(&open, id, found(START, "{}"));
    assert!(open.sink.released().is_empty());
    assert_eq!(open.serve(&["a"]), (0, 1));
    assert_eq!(
        open.pending("a")[0].resolved.as_deref(),
        Some(&found(START, "{}"))
    );
    // And the other way round.
    let later = record(&open, thin("evt_2", &["a"]));
    assert_eq!(open.serve(&[]), (2, 0));
    assert_eq!(open.serve(&["a"]), (0, 2));
    assert_eq!(open.pending("a").len(), 1, "it waits as before");
    resolve(&open, later, found(START, "{}"));
    assert_eq!(open.sink.released().len(), 1);
}

pub fn a_later_route_waits_too(engine: &dyn Engine) {
    let open = Open::new(engine);
    let new = thin("evt_1", &[]);
    let event = Arc::new(new.event.clone());
    record(&open, new);
    let route = |to: &str| Intervention {
        action: Action::Route(vec![RoutedAnew {
            event: Arc::clone(&event),
            handlers: vec![handler(to).into()],
            resolve: true,
        }]),
        ..replay(&[], false)
    };
    assert_eq!(
        open.ledger.intervene(route("a")),
        Ok(vec![Intervened::Routed(1)])
    );
    assert!(open.sink.deliveries().is_empty());
    resolve(&open, event.id, found(START, "{}"));
    assert_eq!(open.sink.released().len(), 1);
    // A delivery that is routed later has the recorded answer.
    assert_eq!(
        open.ledger.intervene(route("b")),
        Ok(vec![Intervened::Routed(1)])
    );
    let told = &open.sink.deliveries()[0];
    assert_eq!(told.resolved.as_deref(), Some(&found(START, "{}")));
}

pub fn sources_are_claimed_apart_and_hastened(engine: &dyn Engine) {
    let open = Open::new(engine);
    let mut other = thin("evt_2", &["a"]);
    other.event.source = SourceName::new("other");
    let stripe = record(&open, thin("evt_1", &["a"]));
    record(&open, other);
    let due = STEADY + ms(60_000);
    let failed = ResolutionEnd::Later {
        due,
        status: None,
        error: "no answer".to_owned(),
        mend: false,
    };
    end(&open, stripe, failed);
    let claim = |source: &str| {
        let source = SourceName::new(source);
        open.ledger.claim_resolutions(&source, STEADY, 9).unwrap()
    };
    assert_eq!(claim("other").leased.len(), 1);
    assert_eq!(
        (claim("stripe").leased.len(), claim("none").leased.len()),
        (0, 0)
    );
    let waiting = open.ledger.waiting_resolutions().unwrap();
    let names: Vec<_> = waiting.iter().map(|of| of.source.as_str()).collect();
    assert_eq!(names, ["other", "stripe"]);
    let hasten = |source: &str, to_mend_alone| {
        let source = SourceName::new(source);
        open.ledger
            .hasten_resolutions(&source, to_mend_alone)
            .unwrap()
    };
    open.sink.unresolved();
    assert_eq!((hasten("other", false), hasten("stripe", true)), (0, 0));
    assert!(!open.sink.unresolved());
    assert_eq!(hasten("stripe", false), 1);
    assert!(open.sink.unresolved());
    assert_eq!(claim("stripe").leased.len(), 1);
}
