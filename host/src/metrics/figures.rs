//! The figures of one scrape, as plain values.

use std::sync::Arc;

use super::process::ProcessFigures;
use crate::dispatch::Durations;
use tollgate_base::histogram::Distribution;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Commits, Totals};

/// Everything that one scrape shows.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) ready: bool,
    pub(crate) sources: Vec<SourceFigures>,
    /// By source, `-` if there is none, and reason.
    pub(crate) rejections: Vec<(String, &'static str, u64)>,
    pub(crate) odd: Vec<(&'static str, u64)>,
    /// By source and notice.
    pub(crate) notices: Vec<(String, &'static str, u64)>,
    /// The ends of the certificates of the ingress, by name. Each name is there once.
    pub(crate) certificates: Vec<(String, WallTime)>,
    pub(crate) handlers: Vec<HandlerFigures>,
    pub(crate) guests_running: usize,
    pub(crate) guest_memory: usize,
    pub(crate) guest_memory_limit: usize,
    pub(crate) totals: Totals,
    /// For how long the oldest due delivery has been due, in seconds.
    pub(crate) oldest_due: f64,
    /// For how long the oldest waiting request has waited, in seconds.
    pub(crate) oldest_request: f64,
    /// The durations of tries, by outcome.
    pub(crate) tries: Vec<(&'static str, Distribution)>,
    pub(crate) writable: bool,
    pub(crate) wal_bytes: u64,
    /// Free bytes and all bytes of the disk.
    pub(crate) disk: Option<(u64, u64)>,
    pub(crate) commits: Commits,
    pub(crate) generation: GenerationFigures,
    /// How many alerts last, by the name of the alert.
    pub(crate) alerts: Vec<(String, usize)>,
    /// By resource and status.
    pub(crate) admin_requests: Vec<(&'static str, u16, u64)>,
    /// Exported and dropped items, by signal; empty without an export.
    pub(crate) exports: Vec<(&'static str, u64, u64)>,
    pub(crate) process: ProcessFigures,
}

/// A source of the serving generation.
#[derive(Debug)]
pub(crate) struct SourceFigures {
    pub(crate) name: String,
    pub(crate) new_events: u64,
    pub(crate) duplicates: u64,
    pub(crate) last: Option<WallTime>,
    pub(crate) acknowledgements: Distribution,
    /// In the order of the manifest.
    pub(crate) secrets: Vec<SecretFigures>,
}

/// A secret of a source, without the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecretFigures {
    pub(crate) matched: u64,
    pub(crate) expires: Option<WallTime>,
}

/// A handler of the serving generation.
#[derive(Debug)]
pub(crate) struct HandlerFigures {
    pub(crate) name: String,
    /// The digest of its component, in hex.
    pub(crate) component: String,
    pub(crate) durations: Arc<Durations>,
    pub(crate) queued: usize,
    pub(crate) running: usize,
    pub(crate) breaker: Breaker,
    pub(crate) paused: bool,
    pub(crate) rolled_back: bool,
}

/// The state of a breaker, by the number that the metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    Closed = 0,
    HalfOpen = 1,
    Open = 2,
}

/// The serving generation, and the reloads.
#[derive(Debug)]
pub(crate) struct GenerationFigures {
    pub(crate) number: u64,
    pub(crate) loaded: WallTime,
    pub(crate) origin: &'static str,
    /// Whether the files as they are cannot serve.
    pub(crate) failing: bool,
    pub(crate) reloads_loaded: u64,
    pub(crate) reloads_failed: u64,
}
