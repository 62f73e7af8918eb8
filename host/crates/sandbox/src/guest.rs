//! A handler as the sandbox knows it: its name, its configuration, its limits, and the origins
//! that its requests may go to.

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
    /// The origins that the guest may send requests to.
    pub grants: Vec<Grant>,
}

/// An origin that a guest may send requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The origin.
    pub origin: Origin,
    /// The names of the headers that the host adds when it sends. The guest may not set them.
    pub headers: Vec<String>,
    /// `immediate`: whether the guest may send requests while it runs, and wait for the answers.
    pub immediate: bool,
}

/// Limits on one run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `timeout`: how long a run may take, without its waits for a processor beside other long
    /// runs. Default 2 s, 10 min at most.
    pub timeout: Duration,
    /// `memory`: bytes of all linear memories of the instance together. Default 64 MiB, 1 GiB at
    /// most.
    pub memory: usize,
    /// `tables`: elements of all tables of the instance together. Default 100,000.
    pub tables: usize,
    /// `output`: bytes that are kept of stdout, and as many of stderr. Default 16 KiB.
    pub output: usize,
    /// `logs`: bytes of log lines that are kept. Default 64 KiB.
    pub logs: usize,
    /// `calls`: calls of the host. Default 10,000.
    pub calls: u32,
    /// `effects`: bytes of state writes, outbox requests, emitted events and schedule entries
    /// together. Default 1 MiB.
    pub effects: usize,
    /// `response`: bytes of the body of a response that the handler asked for. Default 64 KiB,
    /// 4 MiB at most.
    pub response: usize,
    /// `requests`: immediate requests. Default 16, 256 at most.
    pub requests: u32,
}
