//! Parsers for single arguments.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use http::header::{InvalidHeaderName, InvalidHeaderValue};
use http::{HeaderName, HeaderValue};
use tollgate_base::quantity::parse_duration;
use tollgate_base::rfc3339;
use tollgate_base::time::{Clock, SystemClock, WallTime};

/// The reason why an argument cannot be read, and the form of a correct argument.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArgumentError {
    #[error("write a time such as 2026-05-28T20:26:40Z, or how long ago, such as 2h")]
    Time,
    #[error("write a number and a unit, such as `5m` or `90s`")]
    Duration,
    #[error("write KEY=VALUE")]
    Pair,
    #[error("write `Name: value`")]
    Header,
    #[error(transparent)]
    HeaderName(#[from] InvalidHeaderName),
    #[error(transparent)]
    HeaderValue(#[from] InvalidHeaderValue),
}

/// A time of day, or how long ago the time was.
pub(super) fn time(text: &str) -> Result<WallTime, ArgumentError> {
    rfc3339::parse_or_ago(text, SystemClock.now()).ok_or(ArgumentError::Time)
}

/// A duration of at least one second.
pub(super) fn duration(text: &str) -> Result<Duration, ArgumentError> {
    parse_duration(text)
        .filter(|length| *length >= Duration::from_secs(1))
        .ok_or(ArgumentError::Duration)
}

/// A key and a value.
pub(super) fn pair(text: &str) -> Result<(String, String), ArgumentError> {
    let (key, value) = text.split_once('=').ok_or(ArgumentError::Pair)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A header. As in HTTP, the value may have any bytes except control characters.
pub(super) fn header(text: OsString) -> Result<(HeaderName, HeaderValue), ArgumentError> {
    let text = text.as_bytes();
    let colon = text.iter().position(|byte| *byte == b':');
    let (name, value) = text.split_at(colon.ok_or(ArgumentError::Header)?);
    let name = HeaderName::from_bytes(name.trim_ascii())?;
    let value = HeaderValue::from_bytes(value[1..].trim_ascii())?;
    Ok((name, value))
}
