//! Where handlers run: wasmtime, and everything between it and the rest of the gateway.
//! Nothing outside this module knows of wasmtime.
//!
//! A component is compiled once and linked once; every delivery gets a fresh instance of
//! it, from a pool that is sized so that it cannot be exhausted.

mod bindings;
mod cache;
mod call;
mod capture;
mod copy;
mod engine;
mod guest;
mod limits;
mod load;
mod measure;
mod priority;
mod run;
mod slots;
mod state;
mod turns;
mod v0_1;
mod wrap;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Linker;

use cache::CompileCache;
use call::Call;
use engine::EpochThread;
use slots::Slots;
use tollgate_base::event::ComponentDigest;
use tollgate_ledger::{Effects, LedgerError, Read};
use turns::Turns;

pub use copy::{Snapshot, StateCopy, Written};
pub use guest::{Grant, Guest, Limits};
pub use load::{Component, LoadError};
pub use state::StateSource;
pub use wrap::WrapError;

/// The largest `memory` that a handler may be given, in bytes.
pub const MAX_MEMORY: usize = engine::MAX_MEMORY;

/// The stack that a thread must have for guests to run on it, in bytes: the guest's own
/// and room for the host's calls.
pub const THREAD_STACK: usize = 2 << 20;

/// What a sandbox is made with.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where compiled code is kept, if it is to be kept.
    pub cache: Option<PathBuf>,
    /// How many instances may exist at once.
    pub instances: u32,
}

/// The engine with all that lives as long as the process.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<Call>,
    cache: CompileCache,
    slots: Slots,
    turns: Arc<Turns>,
    /// Components in use, so that handlers which share a file share its code.
    loaded: Mutex<HashMap<ComponentDigest, Weak<Component>>>,
    timers: Timers,
    _epoch: EpochThread,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refused its configuration; the machine may lack what it needs.
    #[error("wasmtime cannot be set up here: {0:#}")]
    Engine(wasmtime::Error),
    /// The cache folder or a thread could not be made.
    #[error("the sandbox cannot be set up: {0}")]
    Io(#[from] io::Error),
}

impl Sandbox {
    /// Sets the engine up and starts its clock.
    pub fn new(options: &SandboxOptions) -> Result<Self, SandboxError> {
        let engine = engine::running_engine(options.instances).map_err(SandboxError::Engine)?;
        let mut linker = Linker::new(&engine);
        v0_1::add_to_linker(&mut linker).map_err(SandboxError::Engine)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(SandboxError::Engine)?;
        Ok(Self {
            _epoch: EpochThread::start(&engine)?,
            linker,
            engine,
            cache: CompileCache::new(options.cache.clone())?,
            slots: Slots::new(options.instances),
            turns: Turns::new(),
            loaded: Mutex::default(),
            timers: Timers::start()?,
        })
    }
}

/// A runtime that lets guests wait in WASI's `poll`, under their timeout.
struct Timers(Option<tokio::runtime::Runtime>);

impl Timers {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("guest-timers")
            .enable_time()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.0.as_ref().expect("taken only when dropped");
        runtime.block_on(work)
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The gateway ends on a thread of another runtime, where this one must not
            // be waited for. It has no work of its own that could be left undone.
            runtime.shutdown_background();
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `ok(done)`
    Done,
    /// `ok(ignored)` with the handler's reason.
    Ignored(String),
    /// `err(retry)`
    Retry {
        /// The handler's reason.
        reason: String,
        /// How long it wishes to wait.
        after: Option<Duration>,
    },
    /// `err(reject)` with the handler's reason.
    Reject(String),
    /// A trap, with what is known of it.
    Trap(String),
    /// The handler's `timeout` passed.
    Timeout,
    /// Another limit was hit: which.
    Limit(String),
    /// No instance could be made, for a reason that lies with the gateway.
    Unstarted(String),
    /// The gateway's ledger could not be read: the run says nothing of the handler.
    Ledger(LedgerError),
}

impl End {
    /// The outcome's name, as attempts have it, and what is to be said of it.
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::Done => ("done", String::new()),
            Self::Ignored(reason) => ("ignored", reason.clone()),
            Self::Retry { reason, .. } => ("retry", reason.clone()),
            Self::Reject(reason) => ("reject", reason.clone()),
            Self::Trap(message) => ("trap", message.clone()),
            Self::Unstarted(message) => ("error", message.clone()),
            Self::Timeout => ("timeout", String::new()),
            Self::Limit(limit) => ("limit", limit.clone()),
            Self::Ledger(error) => ("error", error.to_string()),
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// What was read from state.
    pub reads: Vec<Read>,
    /// What the guest asked for; to be dropped unless it ended well.
    pub effects: Effects,
    /// Captured log lines, JSON objects one a line.
    pub logs: String,
    /// How long instantiation and call took.
    pub duration: Duration,
    /// Whether the thread that it ran on was left with the lowest priority, since the guest
    /// computed for long and the process may not raise it again. It is to be replaced.
    pub lowered: bool,
}

impl Run {
    /// The end of a run that could not begin.
    pub fn unstarted(why: String) -> Self {
        Self {
            end: End::Unstarted(why),
            reads: Vec::new(),
            effects: Effects::default(),
            logs: String::new(),
            duration: Duration::ZERO,
            lowered: false,
        }
    }
}
