//! Filters of lists.

use crate::{DeliveryState, OutboxState};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::time::WallTime;

/// A filter of events or deliveries. Every part that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// The event's source.
    pub source: Option<SourceName>,
    /// The provider's id of the event.
    pub provider_id: Option<String>,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// A value in the event's payload. An event without its payload does not match.
    pub payload: Option<PayloadFilter>,
    /// The event's type, as routes match it.
    pub kind: Option<EventPattern>,
    /// The delivery's handler; for an event, the handler of one of its deliveries.
    pub handler: Option<HandlerName>,
    /// The delivery's state; for an event, the state of one of its deliveries (with `handler`: of
    /// the same delivery).
    pub state: Option<StateFilter>,
    /// Received at this time or later.
    pub from: Option<WallTime>,
    /// Received before this time.
    pub to: Option<WallTime>,
}

/// A value that a payload must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadFilter {
    /// A JSON pointer into the payload.
    pub pointer: String,
    /// The value there: a text, or a number or a boolean as it is written.
    pub value: String,
}

/// A filter of requests. Every part that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// The handler that queued the request.
    pub handler: Option<HandlerName>,
    /// The state.
    pub state: Option<OutboxState>,
    /// The URL without the query; `*` stands for any characters.
    pub url: Option<EventPattern>,
    /// Queued at this time or later.
    pub from: Option<WallTime>,
    /// Queued before this time.
    pub to: Option<WallTime>,
}

impl RequestFilter {
    /// Whether a request matches that this handler queued at this time for this URL. Does not
    /// compare the state.
    pub fn matches(&self, handler: &str, url: &str, queued: WallTime) -> bool {
        let url = url.split_once('?').map_or(url, |(url, _)| url);
        let handlers = self.handler.as_ref();
        handlers.is_none_or(|wanted| wanted.as_str() == handler)
            && self.url.as_ref().is_none_or(|wanted| wanted.matches(url))
            && self.from.is_none_or(|from| queued >= from)
            && self.to.is_none_or(|to| queued < to)
    }
}

/// A filter of refused requests. Every part that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectionFilter {
    /// The source; `-` for requests to a path that no source has.
    pub source: Option<String>,
    /// The reason, as a word.
    pub code: Option<String>,
    /// Refused at this time or later.
    pub from: Option<WallTime>,
    /// Refused before this time.
    pub to: Option<WallTime>,
}

impl RejectionFilter {
    /// Whether a rejection matches, by its own columns.
    pub fn matches(&self, source: Option<&str>, code: &str, at: WallTime) -> bool {
        let wanted = self.source.as_deref();
        wanted.is_none_or(|wanted| source.unwrap_or("-") == wanted)
            && self.code.as_deref().is_none_or(|wanted| wanted == code)
            && self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
    }
}

/// A state to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// The state of a delivery.
    Delivery(DeliveryState),
    /// The event has no delivery at all. No delivery matches.
    Unrouted,
    /// The delivery stands behind another delivery of its order key. One that waits for the object
    /// of its event does not count, even if it has a key.
    Blocked,
}

impl StateFilter {
    /// The filter with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "unrouted" => Some(Self::Unrouted),
            "blocked" => Some(Self::Blocked),
            _ => DeliveryState::from_name(name).map(Self::Delivery),
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivery(state) => state.name(),
            Self::Unrouted => "unrouted",
            Self::Blocked => "blocked",
        }
    }
}
