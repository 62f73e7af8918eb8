//! The filter of events and deliveries: `source`, `provider_id`, `kind` (a pattern), `handler`,
//! `state`, `from` and `to` (milliseconds since the Unix epoch).

use super::query::{QueryError, QueryFilter, present, time};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_ledger::{RecordFilter, StateFilter};

impl QueryFilter for RecordFilter {
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        match name {
            "source" => self.source = Some(SourceName::new(value)),
            "provider_id" => self.provider_id = Some(value.to_owned()),
            "kind" => self.kind = Some(EventPattern::new(value)),
            "handler" => self.handler = Some(HandlerName::new(value)),
            "state" => {
                let state = StateFilter::from_name(value);
                self.state = Some(state.ok_or_else(|| QueryError::State(value.to_owned()))?);
            }
            "from" => self.from = Some(time(name, value)?),
            "to" => self.to = Some(time(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn to_query(&self) -> Vec<(&'static str, String)> {
        let Self {
            source,
            provider_id,
            kind,
            handler,
            state,
            from,
            to,
        } = self;
        present([
            ("source", source.as_ref().map(ToString::to_string)),
            ("provider_id", provider_id.clone()),
            ("kind", kind.as_ref().map(ToString::to_string)),
            ("handler", handler.as_ref().map(ToString::to_string)),
            ("state", state.map(|state| state.name().to_owned())),
            ("from", from.map(|time| time.as_millis().to_string())),
            ("to", to.map(|time| time.as_millis().to_string())),
        ])
    }
}
