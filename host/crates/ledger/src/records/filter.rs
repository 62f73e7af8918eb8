//! Filters of lists.

use crate::{DeliveryState, OutboxState};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::time::WallTime;

/// Which events or deliveries are meant; all that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// The event's source.
    pub source: Option<SourceName>,
    /// The event's type, as routes match it.
    pub kind: Option<EventPattern>,
    /// The delivery's handler; of an event, one of its deliveries' handlers.
    pub handler: Option<HandlerName>,
    /// The delivery's state; of an event, one of its deliveries' states (with `handler`:
    /// of the same delivery).
    pub state: Option<StateFilter>,
    /// Received then or later.
    pub from: Option<WallTime>,
    /// Received before then.
    pub to: Option<WallTime>,
}

/// Which requests of the outbox are meant; all that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// The handler that queued it.
    pub handler: Option<HandlerName>,
    /// Its state.
    pub state: Option<OutboxState>,
    /// Its URL without the query; `*` stands for any characters.
    pub url: Option<EventPattern>,
    /// Queued then or later.
    pub from: Option<WallTime>,
    /// Queued before then.
    pub to: Option<WallTime>,
}

impl RequestFilter {
    /// Whether a request of this handler matches, which was queued then for this URL. Does not
    /// look at the state.
    pub fn matches(&self, handler: &str, url: &str, queued: WallTime) -> bool {
        let url = url.split_once('?').map_or(url, |(url, _)| url);
        let handlers = self.handler.as_ref();
        handlers.is_none_or(|wanted| wanted.as_str() == handler)
            && self.url.as_ref().is_none_or(|wanted| wanted.matches(url))
            && self.from.is_none_or(|from| queued >= from)
            && self.to.is_none_or(|to| queued < to)
    }
}

/// A state to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// That of a delivery.
    Delivery(DeliveryState),
    /// The event has no delivery at all. No delivery matches.
    Unrouted,
    /// The delivery stands behind another one of its key, and waits for its turn.
    Blocked,
}

impl StateFilter {
    /// The state that this name stands for.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "unrouted" => Some(Self::Unrouted),
            "blocked" => Some(Self::Blocked),
            _ => DeliveryState::from_name(name).map(Self::Delivery),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivery(state) => state.name(),
            Self::Unrouted => "unrouted",
            Self::Blocked => "blocked",
        }
    }
}
