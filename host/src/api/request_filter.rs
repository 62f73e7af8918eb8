//! The filter of outbox requests: `handler`, `state`, `url` (a pattern), `from` and `to`
//! (milliseconds since the Unix epoch).

use utoipa::IntoParams;

use super::query::{QueryError, QueryFilter, present, time};
use tollgate_base::event::HandlerName;
use tollgate_base::globs::EventPattern;
use tollgate_ledger::{Millis, OutboxState, RequestFilter};

/// The filter in the query of a list of requests.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `set_part` reads")]
pub(super) struct RequestQuery {
    /// The handler that queued the request.
    handler: Option<String>,
    /// The state.
    state: Option<OutboxState>,
    /// The URL without its query: `*` stands for any characters.
    #[param(max_length = 512)]
    url: Option<String>,
    /// Queued at this time or later.
    #[param(value_type = Option<Millis>)]
    from: Option<u64>,
    /// Queued before this time.
    #[param(value_type = Option<Millis>)]
    to: Option<u64>,
}

impl QueryFilter for RequestFilter {
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        match name {
            "handler" => self.handler = Some(HandlerName::new(value)),
            "state" => {
                let state = OutboxState::from_name(value);
                self.state = Some(state.ok_or_else(|| QueryError::State(value.to_owned()))?);
            }
            "url" => self.url = Some(EventPattern::new(value)),
            "from" => self.from = Some(time(name, value)?),
            "to" => self.to = Some(time(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn to_query(&self) -> Vec<(&'static str, String)> {
        let Self {
            handler,
            state,
            url,
            from,
            to,
        } = self;
        present([
            ("handler", handler.as_ref().map(ToString::to_string)),
            ("state", state.map(|state| state.name().to_owned())),
            ("url", url.as_ref().map(ToString::to_string)),
            ("from", from.map(|time| time.as_millis().to_string())),
            ("to", to.map(|time| time.as_millis().to_string())),
        ])
    }
}
