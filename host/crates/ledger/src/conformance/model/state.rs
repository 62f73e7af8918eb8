//! The expected contents of the ledger, in plain maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::conformance::*;
use tollgate_base::time::{Ahead, SteadyTime, WallTime};

/// Nobody sets the clock of a model: both kinds of time are one.
pub(super) const AS_ONE: Ahead = Ahead::from_millis(0);

/// The first has no order. The second guards against facts that are older than the last one
/// done, the third has its dead deliveries hold their keys.
pub(super) const HANDLERS: [&str; 3] = ["a", "b", "c"];

pub(super) fn named(bits: u8) -> Vec<&'static str> {
    let named = HANDLERS.iter().enumerate();
    named
        .filter(|(n, _)| bits >> n & 1 == 1)
        .map(|(_, name)| *name)
        .collect()
}

/// The order key of a delivery to this handler, for an event with this number.
pub(super) fn key_of(of: &str, number: u8) -> Option<OrderKey> {
    let number = number % 4;
    (of != HANDLERS[0] && number > 0).then(|| OrderKey::new(&handler(of), &number.to_string()))
}

pub(super) fn recipients(names: &[&str], number: u8) -> Vec<Recipient> {
    let to = |name: &&str| Recipient {
        handler: handler(name),
        key: key_of(name, number),
    };
    names.iter().map(to).collect()
}

pub(super) fn now(open: &Open) -> WallTime {
    tollgate_base::time::Clock::now(&open.clock)
}

/// The steady time: nobody sets the clock of a model.
pub(super) fn steady(open: &Open) -> SteadyTime {
    AS_ONE.steady(now(open))
}

/// A request of the outbox.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) handler: HandlerName,
    pub(super) order_key: Option<String>,
    pub(super) state: OutboxState,
    pub(super) tries: u32,
    /// How often an operator requeued it.
    pub(super) requeued: u32,
    pub(super) cancelled: bool,
}

/// The expected contents of the ledger.
#[derive(Default)]
pub(super) struct Model {
    pub(super) known: BTreeMap<String, Known>,
    /// The names of known events by their further names.
    pub(super) aliases: BTreeMap<String, String>,
    /// How many events were recorded.
    pub(super) recorded: usize,
    pub(super) duplicates: u64,
    pub(super) pruned: u64,
    pub(super) erased: u64,
    /// By place.
    pub(super) deliveries: BTreeMap<i64, Row>,
    /// The last place that was given.
    pub(super) last: i64,
    /// The deliveries that the step must hand to the sink: new ones, and released ones.
    pub(super) handed: Vec<Seen>,
    pub(super) released: Vec<Seen>,
    /// The newest rank that was done, of each key that has one, and the place of the last
    /// event of the key that ended.
    pub(super) newest: Vec<(OrderKey, Rank, usize)>,
    /// The handlers that there are, since it was last said.
    pub(super) present: Option<Vec<HandlerName>>,
    pub(super) state: BTreeMap<(String, String), i64>,
    pub(super) outbox: BTreeMap<i64, Asked>,
    /// The event that each request came of, and when it was last settled.
    pub(super) requested: BTreeMap<i64, (EventId, WallTime)>,
    /// The entry of each key of each handler, with its place in the order of puts.
    pub(super) schedule: BTreeMap<(String, String), (usize, Scheduled)>,
    pub(super) puts: usize,
    pub(super) paused: BTreeMap<&'static str, Pause>,
    /// The events that wait for their objects.
    pub(super) resolving: BTreeMap<EventId, Resolving>,
    /// The events that waited until their deliveries had ended, and were told nothing.
    pub(super) unasked: BTreeSet<EventId>,
    /// The recorded answers of the provider's API, by event.
    pub(super) told: BTreeMap<EventId, Arc<Resolved>>,
    pub(super) resolved: u64,
    pub(super) resolved_gone: u64,
}

/// An event that waits for its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Resolving {
    pub(super) due: SteadyTime,
    /// The event's place in the order of arrival.
    pub(super) order: usize,
    pub(super) tries: u32,
}

impl Model {
    /// The waiting requests whose turn it is: the first of each order key of each handler, and all
    /// that have no order key.
    pub(super) fn firsts(&self) -> impl Iterator<Item = i64> {
        let mut lines = Vec::new();
        let waiting = self.outbox.iter();
        let waiting = waiting.filter(|(_, row)| row.state == OutboxState::Waiting);
        waiting.filter_map(move |(place, row)| {
            let line = row.order_key.as_ref().map(|key| (&row.handler, key));
            let first = line.is_none() || !lines.contains(&line);
            lines.push(line);
            first.then_some(*place)
        })
    }
}

/// The expected state of an event, by the name that makes it a duplicate.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) event: Arc<Event>,
    /// Its place in the order of arrival.
    pub(super) order: usize,
    /// When it last arrived.
    pub(super) last: WallTime,
    pub(super) unrouted: bool,
    pub(super) erased: bool,
    pub(super) left: Left,
}

impl Known {
    /// Why an operator cannot have it handled anew.
    pub(super) fn refusal(&self) -> Option<Intervened> {
        match self.left {
            Left::All if !self.erased => None,
            Left::All | Left::Row => Some(Intervened::Erased),
            Left::Key => Some(Intervened::Missing),
        }
    }
}

/// How much of an event is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// All of it.
    All,
    /// Its row, for the time that its key has.
    Row,
    /// Its key.
    Key,
}

/// A delivery.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// As it is handed out.
    pub(super) delivery: Delivery,
    pub(super) state: DeliveryState,
    /// When it is to be tried again, or when its turn came.
    pub(super) due: Option<SteadyTime>,
    /// Its place in the line of its key, while it counts there.
    pub(super) place: Option<Place>,
    /// When it ended last.
    pub(super) finished: WallTime,
    /// The components of its attempts.
    pub(super) ran: Vec<ComponentDigest>,
    /// The attempts of its present run that broke down, with their numbers.
    pub(super) broke: Vec<(u32, ComponentDigest)>,
    /// An operator has ended its present run.
    pub(super) cancelled: bool,
    /// The request by which an operator changed it last.
    pub(super) batch: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    First,
    Behind,
}

/// The fields of a delivery that its receiver sees.
#[derive(PartialEq, Debug)]
pub(super) struct Seen {
    pub(super) seq: DeliveryId,
    pub(super) handler: HandlerName,
    pub(super) event: EventId,
    pub(super) attempts: (u32, u32),
    pub(super) runs: (u32, u32),
    pub(super) component: Option<ComponentDigest>,
    pub(super) crashes: u32,
    pub(super) key: Option<OrderKey>,
    pub(super) since: WallTime,
    pub(super) resolved: Option<Arc<Resolved>>,
}

pub(super) fn seen(delivery: &Delivery) -> Seen {
    Seen {
        seq: delivery.id,
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempts: (delivery.attempts, delivery.uncounted),
        runs: (delivery.run, delivery.keys),
        component: delivery.component,
        crashes: delivery.crashes,
        key: delivery.key,
        since: delivery.since,
        resolved: delivery.resolved.clone(),
    }
}

impl Row {
    pub(super) fn is_open(&self) -> bool {
        use DeliveryState::{Held, Pending, Retrying, Running};
        matches!(self.state, Pending | Retrying | Held | Running)
    }

    pub(super) fn is_behind(&self) -> bool {
        self.place == Some(Place::Behind)
    }

    /// Whether the ledger hands it out, if nobody holds it and its time has come.
    pub(super) fn may_run(&self) -> bool {
        self.is_open() && !self.is_behind() && self.state != DeliveryState::Held
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.is_open()
    }

    pub(super) fn is_of(&self, name: &str, state: DeliveryState) -> bool {
        self.state == state && self.delivery.handler.as_str() == name
    }
}
