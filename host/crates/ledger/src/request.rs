//! Requests in the outbox.

use std::sync::Arc;

use bytes::Bytes;

use super::NewEvent;
use super::names::state_names;
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The place of a request in the outbox in the order of commits: unique, rising.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct OutboxSeq(pub i64);

/// A request for the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// Its idempotency key.
    pub key: String,
    /// The HTTP method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The guest's headers. Credentials are not among them: the host adds these as it sends.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Requests of one handler with the same key go out in order.
    pub order_key: Option<String>,
    /// Whether the handler is to get the answer.
    pub respond: Option<Respond>,
}

/// A wish for the answer of a request, as an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Respond {
    /// What the handler recognises it by.
    pub correlation: String,
    /// The account of the event that queued the request.
    pub account: Option<String>,
    /// The depth of the event with the answer.
    pub depth: u32,
}

/// A request that waits in the outbox.
#[derive(Clone, Debug)]
pub struct OutboxRequest {
    /// Its place in the order of commits.
    pub seq: OutboxSeq,
    /// The handler that queued it.
    pub handler: HandlerName,
    /// The event of the delivery that queued it.
    pub event: EventId,
    /// The request.
    pub request: Arc<NewRequest>,
    /// Tries so far.
    pub tries: u32,
    /// When it was queued.
    pub queued: WallTime,
    /// Not before this time.
    pub due: SteadyTime,
    /// What of it counts.
    pub life: Life,
}

/// From where on a request's tries and its age count: from its queueing, or from when an
/// operator last had it sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// How often an operator had it sent again.
    pub number: u32,
    /// The tries that it had had by then.
    pub tries: u32,
    /// When that was.
    pub since: WallTime,
}

impl Life {
    /// Of a request that was queued then.
    pub fn first(queued: WallTime) -> Self {
        Self {
            number: 0,
            tries: 0,
            since: queued,
        }
    }
}

/// What became of one try of an outbox request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The request.
    pub seq: OutboxSeq,
    /// When the try ended.
    pub at: WallTime,
    /// The answer's HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, in words; empty when nothing did.
    pub error: String,
    /// What state the request gets.
    pub next: OutboxNext,
    /// The answer as an event, to be recorded if this ends the request.
    pub response: Option<Box<NewEvent>>,
}

/// The state that an outbox request has after a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboxNext {
    /// Answered 2xx.
    Sent,
    /// To be tried again.
    Waiting {
        /// Not before this time.
        due: SteadyTime,
    },
    /// Given up.
    Dead,
}

/// The states that an outbox request may be in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutboxState {
    /// To be sent, or sent again.
    Waiting,
    /// Answered 2xx.
    Sent,
    /// Given up.
    Dead,
}

/// An outbox request as an operator sees it.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// The request with its place, handler and tries.
    pub request: OutboxRequest,
    /// The time of day at which it is due.
    pub due: WallTime,
    /// Its state.
    pub state: OutboxState,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What went wrong at the last try; empty when nothing did.
    pub error: String,
}

state_names!(OutboxState {
    Waiting = "waiting",
    Sent = "sent",
    Dead = "dead",
});
