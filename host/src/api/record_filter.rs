//! The filter of events and deliveries: `source`, `provider_id`, `kind` (a pattern), `handler`,
//! `state`, `from` and `to` (milliseconds since the Unix epoch).

use utoipa::{IntoParams, ToSchema};

use super::query::{QueryError, QueryFilter, present, time};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::json::PointerSet;
use tollgate_ledger::{Millis, PayloadFilter, RecordFilter, StateFilter};

/// The filter in the query of a list of events or deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `set_part` reads")]
pub(super) struct RecordQuery {
    /// The source of the event. Events that handlers emit have the source `handler:NAME`.
    source: Option<String>,
    /// The provider's id of the event.
    #[param(max_length = 512)]
    provider_id: Option<String>,
    /// The object that the event is about.
    #[param(max_length = 512)]
    subject: Option<String>,
    /// The connected account or merchant.
    #[param(max_length = 512)]
    account: Option<String>,
    /// A JSON pointer into the payload, such as `/data/object/id`, where `value` must be. Each call
    /// reads a bounded number of payloads: narrow the list down by `from` and `to`.
    #[param(max_length = 512, pattern = "^(/([^/~]|~[01])*)*$")]
    pointer: Option<String>,
    /// The value at `pointer`: a text, or a number or a boolean as it is written. The payload must
    /// have a text that is not empty there.
    #[param(max_length = 512)]
    value: Option<String>,
    /// The type of the event, as routes match it: `*` stands for any characters.
    #[param(max_length = 512)]
    kind: Option<String>,
    /// The handler of the delivery; for events, of one of the deliveries.
    handler: Option<String>,
    /// The state of the delivery; for events, of one of the deliveries.
    #[param(inline)]
    state: Option<StateName>,
    /// Received at this time or later.
    #[param(value_type = Option<Millis>)]
    from: Option<u64>,
    /// Received before this time.
    #[param(value_type = Option<Millis>)]
    to: Option<u64>,
}

/// The states to filter by.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the query")]
enum StateName {
    Pending,
    Running,
    Retrying,
    Held,
    Done,
    Ignored,
    Dead,
    /// The event has no delivery.
    Unrouted,
    /// The delivery stands behind another delivery of its order key.
    Blocked,
}

impl QueryFilter for RecordFilter {
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        match name {
            "source" => self.source = Some(SourceName::new(value)),
            "provider_id" => self.provider_id = Some(value.to_owned()),
            "subject" => self.subject = Some(value.to_owned()),
            "account" => self.account = Some(value.to_owned()),
            "pointer" => {
                let is_pointer = PointerSet::default().add(value).is_ok();
                let pointer = is_pointer.then(|| value.to_owned());
                self.payload.get_or_insert_default().pointer =
                    pointer.ok_or_else(|| QueryError::Pointer(value.to_owned()))?;
            }
            "value" => self.payload.get_or_insert_default().value = value.to_owned(),
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

    fn check(&self) -> Result<(), QueryError> {
        let lacks = |of: &PayloadFilter| of.pointer.is_empty() || of.value.is_empty();
        match self.payload.as_ref().is_some_and(lacks) {
            true => Err(QueryError::PointerAlone),
            false => Ok(()),
        }
    }

    fn to_query(&self) -> Vec<(&'static str, String)> {
        let Self {
            source,
            provider_id,
            subject,
            account,
            payload,
            kind,
            handler,
            state,
            from,
            to,
        } = self;
        present([
            ("source", source.as_ref().map(ToString::to_string)),
            ("provider_id", provider_id.clone()),
            ("subject", subject.clone()),
            ("account", account.clone()),
            ("pointer", payload.as_ref().map(|of| of.pointer.clone())),
            ("value", payload.as_ref().map(|of| of.value.clone())),
            ("kind", kind.as_ref().map(ToString::to_string)),
            ("handler", handler.as_ref().map(ToString::to_string)),
            ("state", state.map(|state| state.name().to_owned())),
            ("from", from.map(|time| time.as_millis().to_string())),
            ("to", to.map(|time| time.as_millis().to_string())),
        ])
    }
}
