//! Requests in the outbox.

use std::sync::Arc;

use bytes::Bytes;
use utoipa::ToSchema;

use super::names::state_names;
use super::{NewEvent, Token};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::origin::Origin;
use tollgate_base::time::{SteadyTime, WallTime};

/// The id of a request in the outbox. No id is given twice. Ids have no order outside of the
/// engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub i64);

/// The host to which a request goes, with its port: `api.example.com:443`. Empty if the URL of the
/// request names no host.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct RequestHost(Arc<str>);

impl RequestHost {
    /// The host of a URL.
    pub fn of_url(url: &str) -> Self {
        Self::from(Origin::of_url(url).map_or_else(|_| String::new(), |o| o.host_and_port()))
    }

    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for RequestHost {
    fn from(host: String) -> Self {
        Self(host.into())
    }
}

/// A request for the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// The idempotency key.
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
    /// The handler's wish for the answer, if it has one.
    pub respond: Option<Respond>,
}

/// A wish for the answer of a request, as an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Respond {
    /// The text by which the handler recognises the answer.
    pub correlation: String,
    /// The account of the event that queued the request.
    pub account: Option<String>,
    /// The depth of the event with the answer.
    pub depth: u32,
}

/// A request of the outbox.
#[derive(Clone, Debug)]
pub struct OutboxRequest {
    /// The id of the request.
    pub id: RequestId,
    /// The handler that queued it.
    pub handler: HandlerName,
    /// The event of the delivery that queued it.
    pub event: EventId,
    /// The request as the handler queued it.
    pub request: Arc<NewRequest>,
    /// The host to which the request goes.
    pub host: RequestHost,
    /// Tries so far.
    pub tries: u32,
    /// When the handler queued the request.
    pub queued: WallTime,
    /// The request may not go before this time.
    pub due: SteadyTime,
    /// From where the tries and the age count.
    pub requeued: Requeued,
}

/// How often an operator requeued a dead request. The tries and the age of the request count from
/// the last time, or from its queueing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requeued {
    /// How often.
    pub times: u32,
    /// The tries that were made before, which do not count.
    pub tries_before: u32,
    /// The time from which the age counts.
    pub since: WallTime,
}

impl Requeued {
    /// The value for a request that nobody requeued, which was queued at this time.
    pub fn never(queued: WallTime) -> Self {
        Self {
            times: 0,
            tries_before: 0,
            since: queued,
        }
    }
}

/// The end of one try of an outbox request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The request.
    pub request: RequestId,
    /// The token of the lease under which the try was made.
    pub token: Token,
    /// When the try ended.
    pub at: WallTime,
    /// The answer's HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// A text that says what went wrong; empty if nothing did.
    pub error: String,
    /// The state that the request gets.
    pub next: OutboxNext,
    /// The answer as an event. It is recorded if this try ends the request.
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
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
    /// The request with its id, handler and tries.
    pub request: OutboxRequest,
    /// The time of day at which it is due.
    pub due: WallTime,
    /// Its state.
    pub state: OutboxState,
    /// The last answer's status.
    pub status: Option<u16>,
    /// A text that says what went wrong at the last try; empty if nothing did.
    pub error: String,
}

state_names!(OutboxState {
    Waiting = "waiting",
    Sent = "sent",
    Dead = "dead",
});
