//! Events, with their ids, names, dedup keys and headers.
//!
//! An event is one verified fact, with the exact bytes that its provider sent. Each kind of id and
//! name has its own type, so that the compiler finds a mix-up.

mod dedup;
mod digest;
mod headers;
mod id;
mod id_prefix;
mod names;

use bytes::Bytes;

pub use dedup::{DedupBasis, DedupKey};
pub use digest::ComponentDigest;
pub use headers::Headers;
pub use id::EventId;
pub use id_prefix::ids_beginning;
pub use names::{HANDLER_SOURCE_PREFIX, HandlerName, SourceName};

use crate::time::WallTime;

/// The type of the events that bring the answers of requests to handlers. A handler cannot emit an
/// event of this type.
pub const OUTBOX_RESPONSE: &str = "outbox.response";

/// The type of events that are rightly signed and cannot be read. A route may name this type. No
/// provider's event has this type otherwise.
pub const UNREADABLE: &str = "unreadable";

/// The greatest depth of an event: see [`Event::depth`].
pub const MAX_DEPTH: u32 = 8;

/// An event as the ledger records it and handlers get it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The gateway's id.
    pub id: EventId,
    /// The source of the event.
    pub source: SourceName,
    /// The provider's id, if the event has one.
    pub provider_id: Option<String>,
    /// The event type.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// The time at which the event happened, by the provider.
    pub created: Option<WallTime>,
    /// The time at which the gateway received the event.
    pub received: WallTime,
    /// Recorded request headers. Never credentials.
    pub headers: Headers,
    /// Facts that the gateway adds.
    pub metadata: Vec<(String, String)>,
    /// The number of emissions between an event from outside and this event.
    pub depth: u32,
    /// The exact bytes of the event.
    pub payload: Bytes,
}
