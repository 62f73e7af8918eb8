//! The answer of a receiver, as far as a handler is told about it.
//!
//! An answer is bounded and carries no credentials: neither a receiver's cookies, nor the
//! credentials that the manifest adds to requests, should the receiver repeat them.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::error::error_chain;
use crate::settings::Allow;

/// The most headers that are kept: more than APIs send, less than would hurt.
const MAX_HEADERS: usize = 64;
/// The most bytes of headers that are kept.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Headers that a handler is not told about: headers of the connection, which has ended, and
/// headers that ask for credentials or hand them out.
const LEFT_OUT: &[HeaderName] = &[
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::WWW_AUTHENTICATE,
];
const LEFT_OUT_BY_NAME: &[&str] = &[
    "authentication-info",
    "keep-alive",
    "proxy-authentication-info",
    "proxy-connection",
    "set-cookie2",
];

/// A shorter part of a credential occurs in many texts by chance.
const SHORTEST_SECRET: usize = 8;
const REDACTED: &[u8] = b"[redacted]";

/// An answer, as far as a handler is told about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether a part of the body or some headers are left out.
    pub(crate) truncated: bool,
    /// Why the body ends before its end, if the connection broke off.
    pub(crate) broke_off: Option<String>,
}

impl Answer {
    /// Reads an answer and keeps at most `limit` bytes of its body.
    pub(crate) async fn read(
        headers: &HeaderMap,
        body: impl Body<Data = Bytes, Error: std::error::Error> + Unpin,
        allow: &Allow,
        limit: usize,
    ) -> Self {
        let secrets = secrets(allow);
        let (headers, all_headers) = kept(headers, &secrets);
        // Enough bytes beyond the limit that the cut leaves no part of a secret.
        let beyond = secrets.iter().map(|secret| secret.len()).max().unwrap_or(0);
        let (mut body, end) = collect(body, limit + beyond).await;
        redact(&mut body, &secrets);
        if end != End::Whole {
            body.truncate(body.len().saturating_sub(beyond));
        }
        let cut_off = end != End::Whole || body.len() > limit;
        if cut_off {
            cut(&mut body, limit);
        }
        Self {
            headers,
            body,
            truncated: cut_off || !all_headers,
            broke_off: match end {
                End::BrokeOff(error) => Some(error),
                End::Whole | End::Limit => None,
            },
        }
    }
}

/// The end of what was read of a body.
#[derive(PartialEq, Eq)]
enum End {
    /// The body has no more.
    Whole,
    /// The limit was reached.
    Limit,
    /// The connection broke off, with this error.
    BrokeOff(String),
}

/// Reads up to `limit` bytes of a body.
async fn collect(
    mut body: impl Body<Data = Bytes, Error: std::error::Error> + Unpin,
    limit: usize,
) -> (Vec<u8>, End) {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return (read, End::BrokeOff(error_chain(&error))),
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let room = limit - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (read, End::Limit);
        }
    }
    (read, End::Whole)
}

/// Shortens a body to `limit` bytes, and a text to whole characters.
fn cut(body: &mut Vec<u8>, limit: usize) {
    body.truncate(limit);
    if let Err(error) = std::str::from_utf8(body)
        && error.error_len().is_none()
    {
        // The text is valid, but ends within a character.
        body.truncate(error.valid_up_to());
    }
}

/// The parts of the added credentials that an answer must not repeat: the value of each header,
/// and the part of the value after a scheme such as `Bearer`.
fn secrets(allow: &Allow) -> Vec<&[u8]> {
    let mut secrets: Vec<&[u8]> = Vec::new();
    for (_, secret) in &allow.headers {
        let value = secret.expose();
        secrets.push(value);
        if let Some(space) = value.iter().position(|byte| *byte == b' ') {
            secrets.push(value[space..].trim_ascii());
        }
    }
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    secrets
}

/// Replaces every occurrence of the secrets.
fn redact(text: &mut Vec<u8>, secrets: &[&[u8]]) {
    for secret in secrets {
        let mut from = 0;
        while let Some(at) = find(&text[from..], secret) {
            let at = from + at;
            text.splice(at..at + secret.len(), REDACTED.iter().copied());
            from = at + REDACTED.len();
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The headers that a handler is told about. Also returns whether none was left out for its size.
fn kept(headers: &HeaderMap, secrets: &[&[u8]]) -> (Vec<(String, String)>, bool) {
    let mut kept = Vec::new();
    let mut bytes = 0;
    for (name, value) in headers {
        if LEFT_OUT.contains(name) || LEFT_OUT_BY_NAME.contains(&name.as_str()) {
            continue;
        }
        bytes += name.as_str().len() + value.len();
        if kept.len() == MAX_HEADERS || bytes > MAX_HEADER_BYTES {
            return (kept, false);
        }
        let mut value = value.as_bytes().to_vec();
        redact(&mut value, secrets);
        let value = String::from_utf8_lossy(&value).into_owned();
        kept.push((name.as_str().to_owned(), value));
    }
    (kept, true)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;
    use tollgate_base::origin::Origin;
    use tollgate_base::secret::Secret;

    fn allow(value: &str) -> Allow {
        Allow {
            origin: Origin::parse("https://crm.example.com").unwrap(),
            addresses: Vec::new(),
            headers: vec![("authorization".to_owned(), Secret::new(value))],
            immediate: false,
        }
    }

    fn read(headers: &HeaderMap, body: &[u8], secret: &str, limit: usize) -> Answer {
        let allow = allow(secret);
        let reading = Answer::read(
            headers,
            Full::new(Bytes::copy_from_slice(body)),
            &allow,
            limit,
        );
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(reading)
    }

    fn body(body: &[u8], secret: &str, limit: usize) -> (String, bool) {
        let answer = read(&HeaderMap::new(), body, secret, limit);
        assert!(answer.body.len() <= limit);
        (String::from_utf8(answer.body).unwrap(), answer.truncated)
    }

    #[test]
    fn a_body_is_cut_at_its_limit() {
        assert_eq!(body(b"12345", "x", 5), ("12345".into(), false));
        assert_eq!(body(b"123456", "x", 5), ("12345".into(), true));
        assert_eq!(body(b"123456", "x", 0), (String::new(), true));
        assert_eq!(body(b"", "x", 0), (String::new(), false));
        let text = "aé\u{1f600}".as_bytes();
        for (limit, expected) in [(1, "a"), (2, "a"), (3, "aé"), (6, "aé"), (7, "aé\u{1f600}")] {
            assert_eq!(body(text, "x", limit).0, expected);
        }
    }

    #[test]
    fn credentials_do_not_come_back() {
        let secret = "Bearer tok_123456789";
        let echoed = format!("[{secret}] and tok_123456789!");
        assert_eq!(
            body(echoed.as_bytes(), secret, 1000),
            ("[[redacted]] and [redacted]!".into(), false)
        );
        // No part of the secret is left, wherever the limit cuts.
        let long = format!("{}{secret}{}", "x".repeat(20), "y".repeat(100));
        for limit in 0..long.len() {
            let (text, _) = body(long.as_bytes(), secret, limit);
            assert!(
                !text.contains("Bear") && !text.contains("tok"),
                "{limit}: {text}"
            );
        }
        // No part is left where secrets before it were shortened, either.
        let many = "Bearer tok_123456789_that_is_long ".repeat(50);
        for limit in 0..many.len() {
            let (text, _) = body(many.as_bytes(), "Bearer tok_123456789_that_is_long", limit);
            assert!(
                !text.contains("Bear") && !text.contains("tok"),
                "{limit}: {text}"
            );
        }
        assert_eq!(body(b"short", "short", 10).0, "short");
    }

    #[test]
    fn headers_are_bounded_and_say_nothing_secret() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("set-cookie", "session=1"),
            ("www-authenticate", "Basic"),
            ("keep-alive", "timeout=5"),
            ("x-echo", "tok_123456789"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let answer = read(&headers, b"", "Bearer tok_123456789", 10);
        let expected = [("content-type", "text/plain"), ("x-echo", "[redacted]")];
        assert_eq!(
            answer.headers,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert!(!answer.truncated);
        for number in 0..100 {
            headers.append("x-many", number.to_string().parse().unwrap());
        }
        let answer = read(&headers, b"", "x", 10);
        assert_eq!(
            (answer.headers.len(), answer.truncated),
            (MAX_HEADERS, true)
        );
        headers.clear();
        headers.append("x-long", "x".repeat(MAX_HEADER_BYTES).parse().unwrap());
        let answer = read(&headers, b"", "x", 10);
        assert_eq!((answer.headers.len(), answer.truncated), (0, true));
    }
}
