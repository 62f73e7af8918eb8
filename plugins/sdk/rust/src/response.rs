//! The response of a request that asked for it with
//! [`respond`](crate::outbox::Request::respond).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, Event};

/// The type of the events that carry responses.
pub const KIND: &str = "outbox.response";

/// The end of a request that asked for its response.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Response {
    /// The way in which the request ended.
    pub outcome: RequestOutcome,
    /// The request's idempotency key.
    pub idempotency_key: String,
    /// The text that the handler passed to [`respond`](crate::outbox::Request::respond).
    pub correlation: String,
    /// The status of the last response; `None` without a response.
    pub status: Option<u16>,
    /// The headers of the last response, without cookies and without headers of the connection:
    /// pairs of name (in lower case) and value.
    pub headers: Vec<(String, String)>,
    body: Option<String>,
    encoding: Option<Encoding>,
    /// True if a part of the headers or of the body is missing.
    pub truncated: bool,
    /// The number of times that the request was sent.
    pub tries: u32,
    /// The error of the last try; `None` without an error.
    pub error: Option<String>,
}

/// The way in which a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestOutcome {
    /// A response with a 2xx status arrived.
    Sent,
    /// The request became a dead letter.
    Dead,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Text,
    Base64,
}

impl Response {
    /// Returns true if a response with a 2xx status arrived.
    pub fn is_success(&self) -> bool {
        self.outcome == RequestOutcome::Sent
    }

    /// Returns the first header with this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body of the last response; empty without a response.
    pub fn body(&self) -> Vec<u8> {
        let text = self.body.as_deref().unwrap_or_default();
        match self.encoding {
            Some(Encoding::Base64) => decode(text),
            _ => text.as_bytes().to_vec(),
        }
    }

    /// Reads the body as JSON of type `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body()).map_err(|e| Error::Payload {
            kind: KIND.into(),
            message: format!("the response body: {e}"),
        })
    }

    /// Makes a response with a body of text.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn new(key: &str, correlation: &str, status: u16, body: &str) -> Self {
        let sent = (200..300).contains(&status);
        Self {
            outcome: if sent {
                RequestOutcome::Sent
            } else {
                RequestOutcome::Dead
            },
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

    /// Makes the end of a request without a response.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn none(key: &str, correlation: &str, error: &str) -> Self {
        Self {
            outcome: RequestOutcome::Dead,
            status: None,
            body: None,
            encoding: None,
            error: Some(error.into()),
            ..Self::new(key, correlation, 0, "")
        }
    }
}

impl Event {
    /// Reads the response that this event carries; `None` for events of other types.
    pub fn response(&self) -> Result<Option<Response>, Error> {
        if self.kind == KIND {
            self.json().map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Decodes base64 (RFC 4648, section 4). Stops at the first character outside its alphabet.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for value in text.bytes().map_while(sextet) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            // The cast keeps the lowest eight bits, as intended.
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
}
