//! All that the sandbox knows of a handler: its name, its configuration, its limits, and the
//! origins that its requests may go to.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_base::event::HandlerName;
use tollgate_base::origin::Origin;

/// A handler as the sandbox runs it.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The handler's name.
    pub name: HandlerName,
    /// The values that the guest may read, by key.
    pub config: BTreeMap<String, String>,
    /// The limits on each run.
    pub limits: Limits,
    /// The origins that its requests may go to.
    pub grants: Vec<Grant>,
}

/// An origin that requests may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The origin.
    pub origin: Origin,
    /// The names of the headers that the host adds as it sends; the guest may not set them.
    pub headers: Vec<String>,
}

/// Limits on one run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `timeout`: time of a run, without what it waited for other long ones. Default 2 s,
    /// 10 min at most.
    pub timeout: Duration,
    /// `memory`: bytes of all its linear memories together. Default 64 MiB, 1 GiB at most.
    pub memory: usize,
    /// `tables`: elements of all its tables together. Default 100,000.
    pub tables: usize,
    /// `output`: bytes kept of stdout and stderr together. Default 16 KiB.
    pub output: usize,
    /// `logs`: bytes of log lines kept. Default 64 KiB.
    pub logs: usize,
    /// `calls`: calls of the host. Default 10,000.
    pub calls: u32,
    /// `effects`: bytes of state writes, outbox requests and emitted events together. Default 1 MiB.
    pub effects: usize,
    /// `response`: bytes of the body of an answer that the handler asked for. Default 64 KiB,
    /// 4 MiB at most.
    pub response: usize,
}
