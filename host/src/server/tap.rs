//! Taps: requests to the providers' listener, as they came, for operators who watch.
//!
//! Anybody can send requests, as fast as the network allows, and an operator's client may read
//! slowly or not at all. So a tap holds a bounded number of bytes, and a request that does not fit
//! is counted and left out. No request waits for a tap: while nobody watches, a request costs one
//! load of a number.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::capture::Marks;
use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;
use tollgate_ledger::Recorded;
use tollgate_scheme::{ProviderEvent, SourceSecret};

/// The most taps at once.
const TAPS: usize = 4;
/// The most bytes that wait in a tap.
const BYTES: usize = 8 << 20;
/// What a request takes beside its bytes, about.
const OVERHEAD: usize = 1024;

/// Which requests an operator wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) source: WantedSource,
    /// Whether only requests that were refused are wanted.
    pub(crate) rejected: bool,
}

/// The source of wanted requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum WantedSource {
    /// Every source, and paths that no source has.
    #[default]
    Any,
    /// A path that no source has.
    None,
    /// One source.
    Named(SourceName),
}

/// A request as it came, and what was answered.
#[derive(Debug)]
pub(crate) struct Tapped {
    pub(crate) source: Option<SourceName>,
    pub(crate) at: WallTime,
    pub(crate) peer: String,
    pub(crate) method: String,
    /// The path with the query. As in the headers and the body, marks stand for secrets.
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body; `None` if it was not read whole.
    pub(crate) body: Option<Bytes>,
    /// Whether marks stand for secrets.
    pub(crate) is_marked: bool,
    pub(crate) verdict: Verdict,
    /// The status of the response.
    pub(crate) status: u16,
    /// What the request takes of the tap's room.
    bytes: usize,
}

/// What became of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    /// Why it was refused: a word, and a text for people.
    pub(crate) refused: Option<(&'static str, String)>,
    /// The events that were read of it.
    pub(crate) events: Vec<ProviderEvent>,
    /// What the ledger says of each.
    pub(crate) recorded: Vec<Recorded>,
}

/// The taps that are open.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    open: Mutex<Vec<Arc<Tap>>>,
    /// How many are open.
    number: AtomicUsize,
}

#[derive(Debug)]
struct Tap {
    wanted: Wanted,
    marks: Marks,
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Tapped>,
    bytes: usize,
    dropped: u64,
}

/// An open tap. Dropping it closes the tap.
#[derive(Debug)]
pub(crate) struct OpenTap {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
}

/// Why there is no tap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapError {
    /// Too many are open.
    #[error("{} captures run already: end one first", TAPS)]
    TooMany,
    /// There are no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] io::Error),
}

/// What is known of a request once it was answered.
pub(super) struct Answered<'a> {
    pub(super) source: Option<(&'a SourceName, &'a [SourceSecret])>,
    pub(super) at: WallTime,
    pub(super) peer: String,
    pub(super) head: &'a Parts,
    pub(super) target: &'a str,
    pub(super) body: Option<&'a Bytes>,
    pub(super) verdict: Verdict,
    pub(super) status: u16,
}

impl Taps {
    /// Opens a tap.
    pub(crate) fn open(self: &Arc<Self>, wanted: Wanted) -> Result<OpenTap, TapError> {
        let tap = Arc::new(Tap {
            wanted,
            marks: Marks::new()?,
            queue: Mutex::default(),
            news: Notify::new(),
        });
        let mut open = self.open.lock();
        if open.len() >= TAPS {
            return Err(TapError::TooMany);
        }
        open.push(tap.clone());
        self.number.store(open.len(), Relaxed);
        Ok(OpenTap {
            taps: self.clone(),
            tap,
        })
    }

    /// Whether anybody watches.
    pub(super) fn any(&self) -> bool {
        self.number.load(Relaxed) > 0
    }

    /// Gives a request to the taps that want it.
    pub(super) fn offer(&self, answered: &Answered<'_>) {
        let open = self.open.lock().clone();
        let wanting = open.iter().filter(|tap| tap.wanted.wants(answered));
        for tap in wanting {
            tap.take(answered);
        }
    }
}

impl Wanted {
    fn wants(&self, answered: &Answered<'_>) -> bool {
        let source = answered.source.map(|(name, _)| name);
        let is_source = match &self.source {
            WantedSource::Any => true,
            WantedSource::None => source.is_none(),
            WantedSource::Named(name) => source == Some(name),
        };
        is_source && (!self.rejected || answered.verdict.refused.is_some())
    }
}

impl Tap {
    fn take(&self, answered: &Answered<'_>) {
        let bytes = answered.bytes();
        // Marks and events are made only if there is room.
        if !self.queue.lock().has_room(bytes) {
            return;
        }
        let tapped = answered.tapped(&self.marks);
        let mut queue = self.queue.lock();
        if queue.has_room(bytes) {
            queue.bytes += bytes;
            queue.waiting.push_back(tapped);
            self.news.notify_one();
        }
    }
}

impl Queue {
    /// Whether so many bytes fit. If not, counts a request that is left out.
    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes <= BYTES;
        if !fits {
            self.dropped += 1;
        }
        fits
    }
}

impl OpenTap {
    /// The next request. May be dropped: no request is lost.
    pub(crate) async fn next(&self) -> Tapped {
        loop {
            if let Some(tapped) = self.take() {
                return tapped;
            }
            self.tap.news.notified().await;
        }
    }

    /// The text that stands for secrets.
    pub(crate) fn mark(&self) -> &str {
        self.tap.marks.as_str()
    }

    /// How many requests were left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.tap.queue.lock().dropped
    }

    fn take(&self) -> Option<Tapped> {
        let mut queue = self.tap.queue.lock();
        let tapped = queue.waiting.pop_front()?;
        // The size does not depend on the marks, so that what was added is what is removed.
        queue.bytes -= tapped.bytes;
        Some(tapped)
    }
}

impl Drop for OpenTap {
    fn drop(&mut self) {
        let mut open = self.taps.open.lock();
        open.retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.taps.number.store(open.len(), Relaxed);
    }
}

impl Answered<'_> {
    /// What the request takes, about.
    fn bytes(&self) -> usize {
        let headers = self.head.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
        let body = self.body.map_or(0, Bytes::len);
        let events = self.verdict.events.len() * OVERHEAD;
        OVERHEAD + headers.sum::<usize>() + self.target.len() + body + events
    }

    fn tapped(&self, marks: &Marks) -> Tapped {
        let secrets = self.source.map_or(&[][..], |(_, secrets)| secrets);
        let mut is_marked = false;
        let mut hide = |bytes: &[u8]| {
            let hidden = marks.hide(bytes, secrets);
            is_marked |= hidden.is_some();
            hidden
        };
        let target = self.target.as_bytes();
        let target = hide(target).unwrap_or_else(|| target.to_vec());
        let headers = self.head.headers.iter().map(|(name, value)| {
            let value = value.as_bytes();
            let shown = hide(value).unwrap_or_else(|| value.to_vec());
            (name.as_str().to_owned(), shown)
        });
        let headers = headers.collect();
        let body = self.body.map(|body| match hide(body) {
            Some(hidden) => hidden.into(),
            None => body.clone(),
        });
        Tapped {
            bytes: self.bytes(),
            source: self.source.map(|(name, _)| name.clone()),
            at: self.at,
            peer: self.peer.clone(),
            method: self.head.method.as_str().to_owned(),
            target,
            headers,
            body,
            is_marked,
            verdict: self.verdict.clone(),
            status: self.status,
        }
    }
}
