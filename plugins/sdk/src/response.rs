//! The answer of a request that a handler asked for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, Event};

/// The type of the events that bring answers.
pub const KIND: &str = "outbox.response";

/// How a request ended whose answer was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Response {
    /// Whether it was answered 2xx, or given up.
    pub outcome: Ended,
    /// The request's idempotency key.
    pub idempotency_key: String,
    /// The text that [`respond`](crate::outbox::Request::respond) was given.
    pub correlation: String,
    /// The status of the last answer, if there was one.
    pub status: Option<u16>,
    /// Its headers, names in lower case; neither cookies nor those of the connection.
    pub headers: Vec<(String, String)>,
    body: Option<String>,
    encoding: Option<Encoding>,
    /// Whether a part of headers or body is missing.
    pub truncated: bool,
    /// How often the request was sent.
    pub tries: u32,
    /// What went wrong at the last try, if something did.
    pub error: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It was answered 2xx.
    Sent,
    /// It was given up.
    Dead,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Text,
    Base64,
}

impl Response {
    /// Whether it was answered 2xx.
    pub fn is_success(&self) -> bool {
        self.outcome == Ended::Sent
    }

    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The answer's body; empty where there was no answer.
    pub fn body(&self) -> Vec<u8> {
        let text = self.body.as_deref().unwrap_or_default();
        match self.encoding {
            Some(Encoding::Base64) => decode(text),
            _ => text.as_bytes().to_vec(),
        }
    }

    /// The body as JSON of type `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body()).map_err(|e| Error::Payload {
            kind: KIND.into(),
            message: format!("the answer's body: {e}"),
        })
    }

    /// An answer with a body of text.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn new(key: &str, correlation: &str, status: u16, body: &str) -> Self {
        let sent = (200..300).contains(&status);
        Self {
            outcome: if sent { Ended::Sent } else { Ended::Dead },
            idempotency_key: key.into(),
            correlation: correlation.into(),
            status: Some(status),
            headers: Vec::new(),
            body: Some(body.into()),
            encoding: Some(Encoding::Text),
            truncated: false,
            tries: 1,
            error: (!sent).then(|| format!("answered {status}")),
        }
    }

    /// The end of a request that got no answer.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn none(key: &str, correlation: &str, error: &str) -> Self {
        Self {
            outcome: Ended::Dead,
            status: None,
            body: None,
            encoding: None,
            error: Some(error.into()),
            ..Self::new(key, correlation, 0, "")
        }
    }
}

impl Event {
    /// The answer that this event brings, if it brings one.
    pub fn response(&self) -> Result<Option<Response>, Error> {
        if self.kind == KIND {
            self.json().map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The bytes that base64 stands for (RFC 4648, section 4), as far as it is that.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for value in text.bytes().map_while(sextet) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            // Only the lowest eight bits are meant.
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        // RFC 4648, section 10.
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text), bytes.as_bytes());
        }
        assert_eq!(decode("//4="), [0xff, 0xfe]);
    }

    #[test]
    fn what_the_gateway_sends_is_read() {
        let payload = serde_json::json!({
            "outcome": "dead", "idempotency_key": "k", "correlation": "order-1", "status": 422,
            "headers": [["content-type", "text/plain"]], "body": "//4=", "encoding": "base64",
            "truncated": true, "tries": 2, "error": "answered 422",
        });
        let event = crate::testing::event(KIND, &payload);
        let response = event.response().unwrap().unwrap();
        assert!(!response.is_success());
        assert_eq!(response.body(), [0xff, 0xfe]);
        assert_eq!(response.header("content-type"), Some("text/plain"));
        assert_eq!(serde_json::to_value(&response).unwrap(), payload);
        assert!(response.json::<u32>().is_err());
        let other = crate::testing::event("other", &payload);
        assert_eq!(other.response().unwrap(), None);
    }
}
