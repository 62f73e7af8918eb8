//! The meaning of an answer of the provider's API.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use tollgate_ledger::Told;

/// The outcome of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The question is answered.
    Told(Told),
    /// There is no answer yet.
    None(Failure),
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// The status, if an answer came.
    pub(crate) status: Option<u16>,
    /// The error, in words that hold nothing of the key.
    pub(crate) error: String,
    /// What has to happen before another try.
    pub(crate) then: Then,
}

/// What has to happen before another try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// Some time.
    Wait,
    /// This time, for all requests to the host.
    HostRests(Option<Duration>),
    /// An operator's work on this event's source or on its rights.
    Mend,
    /// An operator's work on the key, which the host refuses.
    MendKey,
}

/// The codes of an error's body. Its text may repeat a part of the key.
#[derive(Deserialize)]
struct ErrorBody {
    error: Option<ErrorFields>,
}

#[derive(Deserialize)]
struct ErrorFields {
    code: Option<String>,
    r#type: Option<String>,
}

/// The field that Stripe sets in the rest of a deleted object.
#[derive(Deserialize)]
struct Deleted {
    #[serde(default)]
    deleted: Option<serde_json::Value>,
}

impl Answer {
    /// The meaning of a whole answer. `retry_after` is how long its sender wants to be left alone.
    pub(crate) fn of(status: StatusCode, body: Bytes, retry_after: Option<Duration>) -> Self {
        let then = match status.as_u16() {
            200..=299 => return Self::of_body(status, body),
            404 | 410 => return Self::Told(Told::Gone),
            429 => Then::HostRests(retry_after),
            503 if retry_after.is_some() => Then::HostRests(retry_after),
            401 => Then::MendKey,
            408 | 409 | 425 | 500.. => Then::Wait,
            _ => Then::Mend,
        };
        Self::None(Failure {
            status: Some(status.as_u16()),
            error: error(status, &body),
            then,
        })
    }

    /// The meaning of an answer with an object.
    fn of_body(status: StatusCode, body: Bytes) -> Self {
        // A list would pass for a struct.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let read = is_object.then(|| serde_json::from_slice::<Deleted>(&body));
        match read.and_then(Result::ok) {
            Some(Deleted {
                deleted: Some(serde_json::Value::Bool(true)),
            }) => Self::Told(Told::Gone),
            Some(_) => Self::Told(Told::Found(body)),
            None => Self::None(Failure {
                status: Some(status.as_u16()),
                error: "the answer is not a JSON object".to_owned(),
                then: Then::Wait,
            }),
        }
    }

    /// No whole answer came.
    pub(crate) fn none(error: impl Into<String>) -> Self {
        Self::None(Failure {
            status: None,
            error: error.into(),
            then: Then::Wait,
        })
    }

    /// Nothing is asked before an operator has mended this.
    pub(crate) fn to_mend(status: Option<u16>, error: impl Into<String>) -> Self {
        Self::None(Failure {
            status,
            error: error.into(),
            then: Then::Mend,
        })
    }
}

impl Then {
    /// Whether an operator has to do something.
    pub(crate) fn is_to_mend(self) -> bool {
        matches!(self, Self::Mend | Self::MendKey)
    }
}

/// An error answer in words: the status, and the API's code if it is a plain word.
fn error(status: StatusCode, body: &[u8]) -> String {
    let named = match status.as_u16() {
        401 => "the key is refused",
        403 => "the key has no right to read this",
        429 => "too many requests",
        300..=399 => "redirected, which is not followed",
        _ => status.canonical_reason().unwrap_or("unknown status"),
    };
    let body: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let code = body.and_then(|body| body.error);
    let code = code.and_then(|error| error.code.or(error.r#type));
    let is_word = |code: &String| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=64).contains(&code.len()) && code.bytes().all(letters)
    };
    match code.filter(is_word) {
        Some(code) => format!("answered {}: {named} ({code})", status.as_u16()),
        None => format!("answered {}: {named}", status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &'static str) -> Answer {
        let asked = Some(Duration::from_secs(7));
        let status = StatusCode::from_u16(status).unwrap();
        Answer::of(status, Bytes::from_static(body.as_bytes()), asked)
    }

    fn then(status: u16) -> Then {
        match of(status, "{}") {
            Answer::None(failure) => {
                assert_eq!(failure.status, Some(status));
                failure.then
            }
            told => panic!("{told:?}"),
        }
    }

    #[test]
    fn what_is_gone_is_final() {
        for gone in [
            of(404, "{}"),
            of(410, ""),
            of(200, r#"{"id":"cus_1","deleted":true}"#),
        ] {
            assert_eq!(gone, Answer::Told(Told::Gone));
        }
        for there in [
            r#"{"id":"cus_1","deleted":false}"#,
            r#"{"id":1,"deleted":null}"#,
        ] {
            let found = Answer::Told(Told::Found(Bytes::from_static(there.as_bytes())));
            assert_eq!(of(200, there), found);
        }
    }

    #[test]
    fn what_fails_is_told_apart() {
        assert_eq!(then(401), Then::MendKey);
        for status in [400, 402, 403, 405, 301, 302, 307] {
            assert_eq!(then(status), Then::Mend, "{status}");
        }
        for status in [408, 409, 500, 502, 504, 599] {
            assert_eq!(then(status), Then::Wait, "{status}");
        }
        for status in [429, 503] {
            assert_eq!(then(status), Then::HostRests(Some(Duration::from_secs(7))));
        }
        for body in ["", "no", "[]", "7", "null", "{\"a\":"] {
            let Answer::None(failure) = of(200, body) else {
                panic!("{body}");
            };
            assert_eq!(failure.then, Then::Wait);
        }
    }

    #[test]
    fn an_error_repeats_nothing_but_a_code() {
        let error = |body| match of(401, body) {
            Answer::None(failure) => failure.error,
            told => panic!("{told:?}"),
        };
        let coded = r#"{"error":{"code":"api_key_expired","message":"Invalid: sk_live_hunter2"}}"#;
        assert_eq!(
            error(coded),
            "answered 401: the key is refused (api_key_expired)"
        );
        for sly in [
            r#"{"error":{"code":"sk_live_HUNTER2"}}"#,
            r#"{"error":{"type":"Bearer x"}}"#,
            r#"{"error":{"code":""}}"#,
            r#"{"error":7}"#,
        ] {
            assert_eq!(error(sly), "answered 401: the key is refused");
        }
    }
}
