//! `[[routes]]`: which events of a source go to which handlers.

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;

/// `[[routes]]`: which events of a source go to which handlers.
#[derive(Debug, Clone)]
pub struct Route {
    /// `source`: a source's name or `handler:NAME`.
    pub source: SourceName,
    /// `events`: event types, or patterns in which `*` stands for any characters.
    pub events: Vec<EventPattern>,
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
        self.source == *source && self.events.iter().any(|pattern| pattern.matches(kind))
    }
}
