//! `[[routes]]`: which events of a source go to which handlers.

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;

/// What Stripe puts before the type of a snapshot event to get the type of the thin event.
const THIN_PREFIX: &str = "v1.";

/// `[[routes]]`: which events of a source go to which handlers.
#[derive(Debug, Clone)]
pub struct Route {
    /// `source`: a source's name or `handler:NAME`.
    pub source: SourceName,
    /// `events`: event types, or patterns in which `*` stands for any characters.
    pub events: Vec<EventPattern>,
    /// `thin`: whether the patterns also match the types of thin events without their `v1.`.
    pub thin: bool,
    /// `where`: JSON pointers into the payload, each with its value. The payload must have all of
    /// these values.
    pub filter: Vec<(String, serde_json::Value)>,
    /// `handlers`: the names of the handlers.
    pub handlers: Vec<HandlerName>,
}

impl Route {
    /// Whether this route takes events of this source and type. The event's payload must also
    /// match [`Route::filter`].
    pub fn matches(&self, source: &SourceName, kind: &str) -> bool {
        self.source == *source && self.takes(kind)
    }

    /// Whether this route takes events of this type.
    pub fn takes(&self, kind: &str) -> bool {
        let matches = |kind: &str| self.events.iter().any(|pattern| pattern.matches(kind));
        let snapshot = kind.strip_prefix(THIN_PREFIX).filter(|_| self.thin);
        matches(kind) || snapshot.is_some_and(matches)
    }
}
