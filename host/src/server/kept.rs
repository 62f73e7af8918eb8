//! Refused requests that are kept for operators: some of them, until somebody writes them down.
//!
//! Anybody can send requests that are refused, as fast as the network allows. So only some are kept
//! of each source and reason: the first ones, then one a second. The others are counted alone,
//! which costs nothing more than before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use parking_lot::Mutex;

use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;
use tollgate_ledger::Rejection;

/// The most rejections that wait to be written. More come only if the ledger cannot be written.
const WAITING: usize = 256;
/// The most rejections of one source and reason that are kept at once.
const BURST: u32 = 10;
/// The time after which one more is kept.
const EACH: Duration = Duration::from_secs(1);
/// The longest text that is kept of a header, a path or a reason.
const TEXT: usize = 300;
/// The most headers that are kept.
const HEADERS: usize = 40;

/// Headers that hold no secret. Of the others the length alone is kept: a provider may send the
/// secret itself in a header of any name, and so may a proxy.
const SHOWN: [&str; 22] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "origin",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// Whether a header holds no secret.
pub(crate) fn is_harmless(name: &str) -> bool {
    SHOWN.contains(&name)
}

/// The rejections that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Kept {
    waiting: Mutex<VecDeque<Rejection>>,
    body: AtomicUsize,
}

impl Kept {
    /// Lets so many bytes of bodies be kept.
    pub(super) fn set_body(&self, bytes: usize) {
        self.body.store(bytes, Relaxed);
    }

    /// How many bytes of a body are kept.
    pub(super) fn body(&self) -> usize {
        self.body.load(Relaxed)
    }

    /// Keeps a rejection. If too many wait, the rejection is lost.
    pub(super) fn put(&self, rejection: Rejection) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < WAITING {
            waiting.push_back(rejection);
        }
    }

    /// Takes those that wait.
    pub(super) fn take(&self) -> Vec<Rejection> {
        self.waiting.lock().drain(..).collect()
    }
}

/// What is known of a refused request.
pub(super) struct Refused<'a> {
    pub(super) source: Option<&'a SourceName>,
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) peer: String,
    /// The head; `None` if the connection was refused before there was a request.
    pub(super) head: Option<&'a Parts>,
    /// The body, if it was read whole.
    pub(super) body: Option<&'a Bytes>,
    pub(super) at: WallTime,
}

impl Refused<'_> {
    /// The rejection that is kept: with `body` bytes of the body, and `more` requests before that
    /// are not kept.
    pub(super) fn rejection(self, body: usize, more: u64) -> Rejection {
        let headers = self.head.map(|head| shown(&head.headers));
        let first = self.body.filter(|_| body > 0);
        Rejection {
            at: self.at,
            source: self.source.cloned(),
            code: self.code.to_owned(),
            reason: shortened(&self.reason),
            peer: shortened(&self.peer),
            method: self.head.map(|head| shortened(head.method.as_str())),
            path: self.head.map(|head| shortened(head.uri.path())),
            headers: headers.unwrap_or_default(),
            body: first.map(|bytes| bytes[..bytes.len().min(body)].to_vec()),
            more,
        }
    }
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let headers = headers.iter().take(HEADERS);
    headers
        .map(|(name, value)| {
            let value = match is_harmless(name.as_str()) {
                true => shortened(&String::from_utf8_lossy(value.as_bytes())),
                false => format!("({} bytes)", value.len()),
            };
            (shortened(name.as_str()), value)
        })
        .collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How many rejections of one source and reason may be kept now.
#[derive(Debug)]
pub(super) struct Quota {
    left: u32,
    /// When `left` was last brought up to date.
    since: WallTime,
    /// The rejections that were not kept since the last one that was.
    passed_over: u64,
}

impl Quota {
    /// Nothing was kept yet.
    pub(super) fn full(now: WallTime) -> Self {
        Self {
            left: BURST,
            since: now,
            passed_over: 0,
        }
    }

    /// Whether a rejection may be kept: if so, the number of those before that were not.
    pub(super) fn take(&mut self, now: WallTime) -> Option<u64> {
        // A clock that was set back gives nothing.
        let more = now.since(self.since).as_secs() / EACH.as_secs();
        if more > 0 || now < self.since {
            self.left = self.left.saturating_add(more as u32).min(BURST);
            self.since = now;
        }
        if self.left == 0 {
            self.passed_over += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.passed_over))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_kept_in_part_and_the_rest_is_counted() {
        let mut quota = Quota::full(WallTime::from_secs(100));
        let mut kept = |second: u64, requests: u32| -> Vec<u64> {
            let now = WallTime::from_secs(second);
            (0..requests).filter_map(|_| quota.take(now)).collect()
        };
        assert_eq!(kept(100, 1000), [0; BURST as usize]);
        assert_eq!(kept(101, 1000), [990]);
        assert_eq!(kept(103, 2), [999, 0]);
        // The clock was set back.
        assert_eq!(kept(50, 1), [0; 0]);
        assert_eq!(kept(51, 1), [1]);
        assert_eq!(kept(1000, 100), [0; BURST as usize]);
    }

    #[test]
    fn of_headers_that_may_hold_secrets_the_length_is_kept() {
        let head = http::Request::post("/hooks/x?token=hunter2")
            .header("user-agent", "a".repeat(400))
            .header("authorization", "Bearer hunter2")
            .header("verif-hash", "hunter2")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let body = Bytes::from_static(b"a body of hunter2");
        let refused = || Refused {
            source: None,
            code: "signature",
            reason: "the signature does not hold".to_owned(),
            peer: "203.0.113.7:1".to_owned(),
            head: Some(&head),
            body: Some(&body),
            at: WallTime::EPOCH,
        };
        let kept = refused().rejection(0, 3);
        assert!(!format!("{kept:?}").contains("hunter2"), "{kept:?}");
        assert_eq!((kept.body, kept.more), (None, 3));
        assert_eq!(kept.path.as_deref(), Some("/hooks/x"));
        assert_eq!(kept.headers[0].1.chars().count(), TEXT + 1);
        assert_eq!(kept.headers[2], ("verif-hash".into(), "(7 bytes)".into()));
        assert_eq!(refused().rejection(6, 0).body.unwrap(), b"a body");
        assert_eq!(refused().rejection(100, 0).body.unwrap(), body);
    }

    #[test]
    fn only_so_many_wait() {
        let kept = Kept::default();
        for n in 0..2 * WAITING {
            let refused = Refused {
                source: None,
                code: "memory",
                reason: n.to_string(),
                peer: String::new(),
                head: None,
                body: None,
                at: WallTime::EPOCH,
            };
            kept.put(refused.rejection(0, 0));
        }
        let taken = kept.take();
        assert_eq!(taken.len(), WAITING);
        assert_eq!(taken[0].reason, "0");
        assert!(kept.take().is_empty());
    }
}
