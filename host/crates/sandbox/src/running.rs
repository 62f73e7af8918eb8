//! An engine that runs guests, with the thread that advances its epochs.

use wasmtime::Engine;

use crate::engine::{EngineOptions, running_engine};
use crate::epoch;
use crate::sandbox_error::SandboxError;
use tollgate_base::thread::OwnedThread;

/// An engine that runs guests. Its epochs advance for as long as anybody holds it.
pub(crate) struct RunningEngine {
    pub(crate) engine: Engine,
    /// Whether the engine asks the kernel which pages were written.
    pub(crate) scans: bool,
    _epochs: OwnedThread,
}

impl RunningEngine {
    /// An engine with these choices.
    pub(crate) fn start(options: EngineOptions) -> Result<Self, SandboxError> {
        let engine = running_engine(options).map_err(SandboxError::Engine)?;
        Ok(Self {
            _epochs: epoch::start(&engine)?,
            engine,
            scans: options.scan,
        })
    }
}
