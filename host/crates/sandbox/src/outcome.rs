//! How a run ended, and what it asked for.

use std::time::Duration;

use crate::trace::TracedCall;
use tollgate_ledger::{Effects, Exchange, Inapplicable, LedgerError, Read};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The handler returned `ok(done)`.
    Done,
    /// The handler returned `ok(ignored)` with this reason.
    Ignored(String),
    /// The handler returned `err(retry)`.
    Retry {
        /// The handler's reason.
        reason: String,
        /// How long the handler wants to wait before it runs again.
        after: Option<Duration>,
    },
    /// The handler returned `err(reject)` with this reason.
    Reject(String),
    /// The guest trapped. The text has the cause and the innermost functions.
    Trap(String),
    /// The handler's `timeout` passed.
    Timeout,
    /// The guest reached another limit, with this name.
    Limit(String),
    /// No instance could be made, for a reason that lies with the gateway. The text says why.
    Unstarted(String),
    /// The effects cannot be committed. A run alone does not see that: whoever plays the commit
    /// says so. A gateway learns of it at the commit.
    Inapplicable(Inapplicable),
    /// The ledger could not be read. The run says nothing about the handler.
    Ledger(LedgerError),
}

impl End {
    /// The name of the outcome in the record of the attempt, and the detail for people. The
    /// detail may be empty.
    pub fn name_and_detail(&self) -> (&'static str, String) {
        match self {
            Self::Done => ("done", String::new()),
            Self::Ignored(reason) => ("ignored", reason.clone()),
            Self::Retry { reason, .. } => ("retry", reason.clone()),
            Self::Reject(reason) => ("reject", reason.clone()),
            Self::Trap(message) => ("trap", message.clone()),
            Self::Unstarted(message) => ("error", message.clone()),
            Self::Timeout => ("timeout", String::new()),
            Self::Limit(limit) => ("limit", limit.clone()),
            Self::Inapplicable(why) => ("error", why.to_string()),
            Self::Ledger(error) => ("error", error.to_string()),
        }
    }
}

/// The result of a run.
#[derive(Debug)]
pub struct Run {
    /// How the run ended.
    pub end: End,
    /// The state that the guest read, with versions. The commit checks them again.
    pub reads: Vec<Read>,
    /// The effects that the guest asked for. Empty unless the run ended as [`End::Done`] or
    /// [`End::Ignored`].
    pub effects: Effects,
    /// The captured log lines: JSON objects, one a line.
    pub logs: String,
    /// The time of instantiation and call together.
    pub duration: Duration,
    /// The bytes of all memories of the instance together, as large as they became.
    pub memory: usize,
    /// The calls of the guest to the host, in order; none unless the run was traced.
    pub trace: Vec<TracedCall>,
    /// The immediate requests of the guest, in order.
    pub exchanges: Vec<Exchange>,
    /// The state of the instance at a trap, in WebAssembly's format of core dumps; `None` unless
    /// the sandbox is for debugging, and if wasmtime cannot write one.
    pub core: Option<Vec<u8>>,
    /// Whether the thread of the run keeps the lowest priority, because the guest computed for
    /// long and the process may not raise the priority again. Such a thread should be replaced.
    pub lowered: bool,
}

impl Run {
    /// The result of a run that could not begin.
    pub fn unstarted(why: String) -> Self {
        Self {
            end: End::Unstarted(why),
            reads: Vec::new(),
            effects: Effects::default(),
            logs: String::new(),
            duration: Duration::ZERO,
            memory: 0,
            trace: Vec::new(),
            exchanges: Vec::new(),
            core: None,
            lowered: false,
        }
    }
}
