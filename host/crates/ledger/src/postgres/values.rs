//! From rows to values, and back.

use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;
use uuid::Uuid;

use super::error::Fault;
use super::text::{OwnedText, Text};
use crate::{DeliveryState, OutboxState};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// A number or a time as a row has it.
pub(crate) fn int(value: impl IntoMillis) -> i64 {
    i64::try_from(value.into_millis()).unwrap_or(i64::MAX)
}

/// What [`int`] takes.
pub(crate) trait IntoMillis {
    /// The number.
    fn into_millis(self) -> u64;
}

impl IntoMillis for u64 {
    fn into_millis(self) -> u64 {
        self
    }
}

impl IntoMillis for usize {
    fn into_millis(self) -> u64 {
        self as u64
    }
}

impl IntoMillis for WallTime {
    fn into_millis(self) -> u64 {
        self.as_millis()
    }
}

impl IntoMillis for SteadyTime {
    fn into_millis(self) -> u64 {
        self.as_millis()
    }
}

/// A text that may be empty: NULL then.
pub(crate) fn non_empty(text: &str) -> Option<Text<'_>> {
    (!text.is_empty()).then_some(Text(text))
}

/// A text that may be missing.
pub(crate) fn maybe(text: Option<&str>) -> Option<Text<'_>> {
    text.map(Text)
}

/// An event's id.
pub(crate) fn uuid(id: EventId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// The value in this column.
pub(crate) fn get<T: FromSqlOwned>(row: &Row, column: usize) -> Result<T, Fault> {
    Ok(row.try_get(column)?)
}

/// The text in this column.
pub(crate) fn text(row: &Row, column: usize) -> Result<String, Fault> {
    Ok(get::<OwnedText>(row, column)?.0)
}

/// The text in this column, if there is one.
pub(crate) fn maybe_text(row: &Row, column: usize) -> Result<Option<String>, Fault> {
    Ok(get::<Option<OwnedText>>(row, column)?.map(|text| text.0))
}

/// A number that is not negative.
pub(crate) fn unsigned(row: &Row, column: usize) -> Result<u64, Fault> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(0))
}

/// A small number.
pub(crate) fn small(row: &Row, column: usize) -> Result<u32, Fault> {
    Ok(u32::try_from(get::<i64>(row, column)?).unwrap_or(u32::MAX))
}

/// A small number, if there is one.
pub(crate) fn maybe_small(row: &Row, column: usize) -> Result<Option<u32>, Fault> {
    let found = get::<Option<i64>>(row, column)?;
    Ok(found.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

/// The status of an answer, if there is one.
pub(crate) fn status(row: &Row, column: usize) -> Result<Option<u16>, Fault> {
    let found = get::<Option<i64>>(row, column)?;
    Ok(found.and_then(|status| u16::try_from(status).ok()))
}

/// A time of day.
pub(crate) fn wall(row: &Row, column: usize) -> Result<WallTime, Fault> {
    unsigned(row, column).map(WallTime::from_millis)
}

/// A time of day, if there is one. A due time may lie before 1970 once the clock was set.
pub(crate) fn maybe_wall(row: &Row, column: usize) -> Result<Option<WallTime>, Fault> {
    let millis = get::<Option<i64>>(row, column)?;
    Ok(millis.map(|millis| WallTime::from_millis(u64::try_from(millis).unwrap_or(0))))
}

/// A steady time.
pub(crate) fn steady(row: &Row, column: usize) -> Result<SteadyTime, Fault> {
    unsigned(row, column).map(SteadyTime::from_millis)
}

/// An event's id.
pub(crate) fn event_id(row: &Row, column: usize) -> Result<EventId, Fault> {
    Ok(EventId::from_bytes(get::<Uuid>(row, column)?.into_bytes()))
}

/// A handler's name.
pub(crate) fn handler(row: &Row, column: usize) -> Result<HandlerName, Fault> {
    Ok(HandlerName::new(&*text(row, column)?))
}

/// A component, if there is one.
pub(crate) fn component(row: &Row, column: usize) -> Result<Option<ComponentDigest>, Fault> {
    let bytes = get::<Option<Vec<u8>>>(row, column)?;
    let digest = |bytes: Vec<u8>| {
        let digest = <[u8; 32]>::try_from(bytes);
        digest
            .map(ComponentDigest)
            .map_err(|_| Fault::Value("a digest".into()))
    };
    bytes.map(digest).transpose()
}

/// Names and values, as JSON in this column.
pub(crate) fn pairs<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, Fault> {
    let found: String = get(row, column)?;
    serde_json::from_str(&found).map_err(|error| Fault::Value(error.to_string().into()))
}

/// The state of a delivery.
pub(crate) fn delivery_state(row: &Row, column: usize) -> Result<DeliveryState, Fault> {
    let name: String = get(row, column)?;
    DeliveryState::from_name(&name).ok_or_else(|| Fault::Value(name.into()))
}

/// The state of a request.
pub(crate) fn outbox_state(row: &Row, column: usize) -> Result<OutboxState, Fault> {
    let name: String = get(row, column)?;
    OutboxState::from_name(&name).ok_or_else(|| Fault::Value(name.into()))
}
