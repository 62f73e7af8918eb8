//! Interventions of operators: replay, retry, cancel and route deliveries; requeue, retry and
//! cancel requests; run and cancel scheduled events; set and delete values of state.
//!
//! Each intervention is on record with the operator and the reason. A delivery's `run` tells its
//! replays apart, so that the attempts of all runs stay on record. `keys` is the run whose
//! idempotency keys the delivery uses, so that a replay may repeat its effects or not.

use std::sync::Arc;

use tollgate_base::event::{HandlerName, SourceName};

use super::{
    Delivery, DeliveryId, DeliveryState, NewEvent, OutboxState, Recipient, RequestId, Version,
};

/// An intervention, with the operator for the record.
#[derive(Clone, Debug)]
pub struct Intervention {
    /// The action. All of it is one transaction, which other writes wait for, so it names a
    /// bounded number of items.
    pub action: Action,
    /// The operator, in words.
    pub who: String,
    /// The reason, in words; may be empty.
    pub why: String,
    /// Id shared by all steps of one change. A delivery that was last changed under the same id is
    /// passed over, so that a step whose answer was lost can be sent again.
    pub batch: Option<String>,
}

/// The action of an intervention.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes deliveries that are `retrying` due now.
    Retry(Vec<DeliveryId>),
    /// Makes open or held deliveries `dead`. An attempt that is under way comes to nothing. A dead
    /// delivery that blocks its order key releases the key.
    Cancel(Vec<DeliveryId>),
    /// Makes ended deliveries due again, as a new run. A delivery of an event that waits for its
    /// object waits with it.
    Replay {
        /// The deliveries.
        deliveries: Vec<DeliveryId>,
        /// The idempotency keys of the new runs.
        keys: ReplayKeys,
        /// The component of the new runs.
        component: ReplayComponent,
        /// Whether the new runs ask anew, instead of using what was answered to earlier ones:
        /// handlers make their immediate requests again, and events of these sources are resolved
        /// again.
        refetch: Option<Vec<SourceName>>,
    },
    /// Gives events deliveries to handlers that have none of the event yet. The events' held
    /// deliveries end, since their work goes on in the new deliveries.
    Route(Vec<RoutedAnew>),
    /// Requeues dead requests: each waits again behind all others, under a new id and the same
    /// idempotency key, and its tries and age count anew. Makes waiting requests due now.
    RetryRequests(Vec<RequestId>),
    /// Makes waiting requests dead, each with the event that tells its handler if the handler
    /// asked for the answer. A try that is under way goes on.
    CancelRequests(Vec<(RequestId, Option<Box<NewEvent>>)>),
    /// Makes the event due now that a handler has scheduled under a key.
    RunScheduled(HandlerName, String),
    /// Removes the event that a handler has scheduled under a key.
    CancelScheduled(HandlerName, String),
    /// Changes values of a handler's state, all or none: none if one of them has not the version
    /// that its change asks for. A run that has read one of them, and is under way, runs anew.
    ChangeState(HandlerName, Vec<StateChange>),
}

/// A change of one value of a handler's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The key.
    pub key: String,
    /// The new value; `None` deletes the key.
    pub value: Option<Vec<u8>>,
    /// The version that the value must have; version 0 is that of an absent key. `None` changes
    /// every version.
    pub if_version: Option<Version>,
}

/// An event that is routed anew.
#[derive(Clone, Debug)]
pub struct RoutedAnew {
    /// The event.
    pub event: Arc<tollgate_base::event::Event>,
    /// The handlers that the routes name.
    pub handlers: Vec<Recipient>,
    /// Whether the new deliveries wait until the event is resolved, if it is not yet.
    pub resolve: bool,
}

/// The idempotency keys of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayKeys {
    /// The keys of the new run: effects happen again.
    New,
    /// The keys of the run before: receivers that deduplicate see nothing new, and an event that
    /// was emitted is not emitted again.
    Same,
}

/// The component of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayComponent {
    /// The handler's present component.
    Current,
    /// The component of the delivery's last attempt.
    Recorded,
}

/// The result of an intervention for one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervened {
    /// The item was changed.
    Done,
    /// The event got this many new deliveries.
    Routed(usize),
    /// The request waits again, under this id.
    Queued(RequestId),
    /// The item was changed before, under the same id.
    Before,
    /// There is no such delivery, event, request, scheduled event or key.
    Missing,
    /// The value has another version than the change asks for.
    Version,
    /// The value could have been changed, but another of the same change could not.
    Unchanged,
    /// The request's state does not allow the change.
    Request(OutboxState),
    /// The delivery's state does not allow the change.
    State(DeliveryState),
    /// The event's payload is no longer kept.
    Erased,
    /// No attempt of the delivery names a component.
    NoComponent,
    /// Every handler that the routes name has the event already, or the routes name none.
    NoRoute,
}

impl Intervened {
    /// Whether the item was changed, now or before under the same id.
    pub fn is_done(self) -> bool {
        self.refusal().is_none()
    }

    /// The reason why the item was not changed; `None` if it was changed.
    pub fn refusal(self) -> Option<String> {
        Some(match self {
            Self::Done | Self::Routed(_) | Self::Queued(_) | Self::Before => return None,
            Self::Missing => "it is not there".to_owned(),
            Self::Version => "it has changed since it was read".to_owned(),
            Self::Unchanged => "another of these values has changed since it was read".to_owned(),
            Self::State(state) => format!("it is {state}"),
            Self::Request(state) => format!("it is {state}"),
            Self::Erased => "the event's payload is no longer kept".to_owned(),
            Self::NoComponent => "no attempt of it names a component".to_owned(),
            Self::NoRoute => "the routes name no handler that does not have it".to_owned(),
        })
    }
}

impl Delivery {
    /// Whether the present run is a replay.
    pub fn is_replay(&self) -> bool {
        self.run > 0
    }
}
