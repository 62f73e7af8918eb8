//! What operators do to deliveries: replay, retry now, cancel, route anew; and to requests of
//! the outbox: send again, try now, cancel; and to scheduled events: have them now, cancel.
//!
//! Each is written down with who asked and why. A delivery's `run` tells its replays apart,
//! so that attempts of all runs stay on record; `keys` says whose run's idempotency keys it
//! uses, so that a replay may repeat its effects or not.

use std::sync::Arc;

use tollgate_base::event::HandlerName;

use super::{Delivery, DeliveryId, DeliveryState, NewEvent, OutboxState, Recipient, RequestId};

/// What is to be done, and for whom it is on record.
#[derive(Clone, Debug)]
pub struct Intervention {
    /// What is to be done. A bounded number of deliveries or events at once: all of it is
    /// one transaction, which others wait for.
    pub action: Action,
    /// Who asks, in words.
    pub who: String,
    /// Why, in words; may be empty.
    pub why: String,
    /// Names the request that this is part of: a delivery that was last changed by the same
    /// one is passed over, so that a step whose answer was lost may be asked for again.
    pub batch: Option<String>,
}

/// What an operator does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes deliveries that are `retrying` due now.
    Retry(Vec<DeliveryId>),
    /// Makes open or held deliveries `dead`. An attempt that is under way comes to nothing.
    /// One that is dead, and holds later ones of its key, holds them no longer.
    Cancel(Vec<DeliveryId>),
    /// Makes ended deliveries due again, as a new run.
    Replay {
        /// Which.
        deliveries: Vec<DeliveryId>,
        /// Whether effects happen again.
        keys: ReplayKeys,
        /// What runs.
        component: ReplayComponent,
    },
    /// Gives events deliveries to handlers that have none yet, as routes now say. Deliveries
    /// of theirs that are `held` end, as their work goes on in the new ones.
    Route(Vec<(Arc<tollgate_base::event::Event>, Vec<Recipient>)>),
    /// Requeues dead requests: each waits again behind all others, under a new id and the same
    /// idempotency key, and its tries and age count anew. Makes waiting requests due now.
    RetryRequests(Vec<RequestId>),
    /// Makes waiting requests dead, each with the event that tells its handler, if that asked
    /// for the answer. A try that is under way goes on.
    CancelRequests(Vec<(RequestId, Option<Box<NewEvent>>)>),
    /// Makes what a handler has scheduled under a key due now.
    RunScheduled(HandlerName, String),
    /// Takes what a handler has scheduled under a key away.
    CancelScheduled(HandlerName, String),
}

/// Which idempotency keys a replay uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayKeys {
    /// Its own: its effects happen anew.
    New,
    /// Those of the run before: what deduplicates by them sees nothing new, and an event
    /// that was emitted is not emitted again.
    Same,
}

/// Which component a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayComponent {
    /// The handler's present one.
    Current,
    /// The one of the delivery's last attempt.
    Recorded,
}

/// What became of one delivery or event of an intervention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervened {
    /// It is done.
    Done,
    /// An event got so many new deliveries.
    Routed(usize),
    /// A request waits again, under this id.
    Queued(RequestId),
    /// It was done before, by the same request.
    Before,
    /// There is no such delivery, event, request or scheduled event.
    Missing,
    /// A request's state does not allow it.
    Request(OutboxState),
    /// Its state does not allow it.
    State(DeliveryState),
    /// The event's payload is no longer kept.
    Erased,
    /// No attempt of it names a component.
    NoComponent,
    /// Every handler that the routes name has the event already, or they name none.
    NoRoute,
}

impl Intervened {
    /// Whether something was changed, now or by the same request before.
    pub fn is_done(self) -> bool {
        self.refusal().is_none()
    }

    /// Why not, in words; none if it was done.
    pub fn refusal(self) -> Option<String> {
        Some(match self {
            Self::Done | Self::Routed(_) | Self::Queued(_) | Self::Before => return None,
            Self::Missing => "it is not there".to_owned(),
            Self::State(state) => format!("it is {state}"),
            Self::Request(state) => format!("it is {state}"),
            Self::Erased => "the event's payload is no longer kept".to_owned(),
            Self::NoComponent => "no attempt of it names a component".to_owned(),
            Self::NoRoute => "the routes name no handler that does not have it".to_owned(),
        })
    }
}

impl Delivery {
    /// Whether an operator had it run again.
    pub fn is_replay(&self) -> bool {
        self.run > 0
    }
}
