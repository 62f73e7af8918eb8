//! Snapshot events that take the place of thin events without an object, and questions that nobody
//! needs an answer to.

use super::*;
use tollgate_base::event::DedupKey;
use tollgate_base::time::WallTime;

/// The thin event of a pair, for these handlers.
fn thin(pair: &str, handlers: &[&str]) -> NewEvent {
    NewEvent {
        form: EventForm::Thin,
        more_dedup: vec![DedupKey::of_twins(pair)],
        ..event(&format!("thin_{pair}"), b"{\"thin\":1}", handlers)
    }
}

/// The snapshot event of a pair, for these handlers.
fn snapshot(pair: &str, handlers: &[&str]) -> NewEvent {
    NewEvent {
        form: EventForm::Snapshot(DedupKey::of_twins(pair)),
        ..event(pair, b"{\"whole\":1}", handlers)
    }
}

fn told(at: WallTime, object: Option<Told>) -> ResolutionEnd {
    ResolutionEnd::Resolved {
        resolved: Resolved {
            at,
            object,
            event: None,
        },
        note: String::new(),
    }
}

fn found() -> ResolutionEnd {
    told(START, Some(Told::Found(Bytes::from_static(b"{}"))))
}

fn gone() -> ResolutionEnd {
    told(START, Some(Told::Gone))
}

fn resolve(open: &Open, leased: &LeasedResolution, end: ResolutionEnd) -> ResolutionSettled {
    open.resolve(TriedResolution {
        resolution: leased.lease.item(),
        token: leased.lease.token(),
        end,
    })
}

fn record(open: &Open, new: NewEvent) -> Recorded {
    open.record(vec![new]).remove(0)
}

/// Records an event that is new.
fn new(open: &Open, new: NewEvent) -> EventId {
    let id = new.event.id;
    assert_eq!(record(open, new), Recorded::New(id));
    id
}

fn states(open: &Open, event: EventId) -> Vec<(String, String)> {
    let detail = open.ledger.event(event).unwrap().unwrap();
    let rows = detail.history.into_iter().map(|of| of.delivery);
    rows.map(|row| (row.handler, row.state)).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    of.iter().map(owned).collect()
}

fn act(open: &Open, action: Action) -> Vec<Intervened> {
    open.ask(action)
}

fn ids(open: &Open, event: EventId) -> Vec<DeliveryId> {
    let detail = open.ledger.event(event).unwrap().unwrap();
    let rows = detail.history.into_iter();
    rows.map(|of| DeliveryId(of.delivery.seq)).collect()
}

pub fn a_snapshot_takes_the_place_of_a_twin_that_waits(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = new(&open, thin("1", &["a", "b"]));
    let asked = open.lease_resolution(first);
    let second = new(&open, snapshot("1", &["a", "b"]));
    let handed = open.sink.deliveries();
    assert_eq!(handed.len(), 2);
    assert!(handed.iter().all(|delivery| delivery.event.id == second));
    let ignored = pairs(&[("a", "ignored"), ("b", "ignored")]);
    assert_eq!(states(&open, first), ignored);
    let detail = open.ledger.event(first).unwrap().unwrap();
    let note = &detail.history[0].interventions[0];
    assert_eq!(
        (note.action.as_str(), note.who.as_str()),
        ("replaced", "tollgate")
    );
    assert!(note.why.as_deref().unwrap().contains(&second.to_string()));
    // Nobody needs the answer that comes now.
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.resolving, counts.events), (0, 2));
    assert_eq!(resolve(&open, &asked, found()), ResolutionSettled::Stale);
    assert!(open.sink.released().is_empty());
    // From now on each resend is a duplicate of its own form, after a restart too.
    let open = open.reopen(engine);
    for (resent, of) in [
        (thin("1", &["a", "b"]), first),
        (snapshot("1", &["a", "b"]), second),
    ] {
        assert_eq!(record(&open, resent).id(), Some(of));
    }
    assert_eq!(open.ledger.counts().unwrap().events, 2);
}

pub fn each_handler_gets_one_of_twins_that_go_to_different_handlers(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = new(&open, thin("1", &["a", "b"]));
    let second = new(&open, snapshot("1", &["b", "c"]));
    assert_eq!(
        states(&open, first),
        pairs(&[("a", "pending"), ("b", "ignored")])
    );
    assert_eq!(
        states(&open, second),
        pairs(&[("b", "pending"), ("c", "pending")])
    );
    let asked = open.lease_resolution(first);
    assert_eq!(
        resolve(&open, &asked, found()),
        ResolutionSettled::Committed
    );
    let [released] = &open.sink.released()[..] else {
        panic!("one");
    };
    assert_eq!(released.handler, handler("a"));
}

pub fn a_snapshot_without_a_handler_replaces_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = new(&open, thin("1", &["a"]));
    assert_eq!(record(&open, snapshot("1", &[])).id(), Some(first));
    assert_eq!(states(&open, first), pairs(&[("a", "pending")]));
}

pub fn a_snapshot_is_recorded_beside_a_twin_whose_object_is_gone(engine: &dyn Engine) {
    let open = Open::new(engine);
    for (pair, end) in [("1", gone()), ("2", told(START, None))] {
        let first = new(&open, thin(pair, &["a"]));
        let asked = open.lease_resolution(first);
        resolve(&open, &asked, end);
        let delivery = open.sink.released().remove(0);
        open.complete(ending(&delivery, NextState::Ignored))
            .unwrap();
        let second = new(&open, snapshot(pair, &["a"]));
        assert_eq!(open.sink.deliveries()[0].event.id, second);
        assert_eq!(record(&open, snapshot(pair, &["a"])).id(), Some(second));
    }
}

pub fn a_snapshot_is_a_duplicate_of_a_twin_with_its_object(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = new(&open, thin("1", &["a"]));
    let asked = open.lease_resolution(first);
    resolve(&open, &asked, found());
    assert_eq!(record(&open, snapshot("1", &["a"])).id(), Some(first));
    // Nor does asking anew change that the handler had the object.
    let delivery = open.sink.released().remove(0);
    open.complete(ending(&delivery, NextState::Done)).unwrap();
    let replay = Action::Replay {
        deliveries: vec![delivery.id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: Some(vec![SourceName::new("stripe")]),
    };
    assert_eq!(act(&open, replay), [Intervened::Done]);
    assert_eq!(record(&open, snapshot("1", &["a"])).id(), Some(first));
    // A thin event that comes second is the duplicate, as ever.
    let second = new(&open, snapshot("2", &["a"]));
    assert_eq!(record(&open, thin("2", &["a"])).id(), Some(second));
}

pub fn a_question_ends_with_the_last_delivery_that_waits_for_it(engine: &dyn Engine) {
    let open = Open::new(engine);
    let event = new(&open, thin("1", &["a", "b"]));
    let [a, b] = ids(&open, event)[..] else {
        panic!("two deliveries");
    };
    let waiting = || open.ledger.counts().unwrap().resolving;
    assert_eq!(act(&open, Action::Cancel(vec![a])), [Intervened::Done]);
    assert_eq!(waiting(), 1, "the other needs it");
    assert_eq!(act(&open, Action::Cancel(vec![b])), [Intervened::Done]);
    assert_eq!(waiting(), 0);
    assert!(open.ledger.waiting_resolutions().unwrap().is_empty());
    // A replay needs the answer after all.
    let replay = Action::Replay {
        deliveries: vec![a],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    };
    assert_eq!(act(&open, replay), [Intervened::Done]);
    assert_eq!(waiting(), 1);
    assert!(open.due("a", LATEST).is_empty());
    let asked = open.lease_resolution(event);
    assert_eq!(
        resolve(&open, &asked, found()),
        ResolutionSettled::Committed
    );
    assert_eq!(open.sink.released()[0].id, a);
}

pub fn a_retry_of_what_waits_hurries_the_question(engine: &dyn Engine) {
    let open = Open::new(engine);
    let event = new(&open, thin("1", &["a"]));
    let later = ResolutionEnd::Later {
        due: STEADY + ms(300_000),
        status: Some(403),
        error: "not allowed".to_owned(),
        mend: true,
    };
    resolve(&open, &open.lease_resolution(event), later);
    let source = SourceName::new("stripe");
    let claim = || {
        let claimed = open.ledger.claim_resolutions(&source, STEADY, 9).unwrap();
        claimed.leased.len()
    };
    assert_eq!(claim(), 0);
    open.sink.unresolved();
    let retry = Action::Retry(ids(&open, event));
    assert_eq!(act(&open, retry), [Intervened::Done]);
    assert!(open.sink.unresolved());
    assert_eq!(claim(), 1);
}
