//! `[[routes]]`: from events of a source to handlers.

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;

/// `[[routes]]`: from events of a source to handlers.
#[derive(Debug, Clone)]
pub struct Route {
    /// `source`: a source's name or `handler:NAME`.
    pub source: SourceName,
    /// `events`: exact types, or globs in which `*` stands for any characters.
    pub events: Vec<EventPattern>,
    /// `where`: JSON pointers into the payload and the value that each must have; all must hold.
    pub filter: Vec<(String, serde_json::Value)>,
    /// `handlers`.
    pub handlers: Vec<HandlerName>,
}

impl Route {
    /// Whether an event of this source and type takes this route, as far as its payload
    /// does not decide: [`Route::filter`] must hold too.
    pub fn matches(&self, source: &SourceName, kind: &str) -> bool {
        self.source == *source && self.events.iter().any(|pattern| pattern.matches(kind))
    }
}
