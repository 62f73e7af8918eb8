//! The sandbox: the engine and everything that lives as long as the process.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::cache::CompileCache;
use crate::call::Call;
use crate::compile::{CompileIn, Compiler};
use crate::component::Component;
use crate::engine::running_engine;
use crate::epoch;
use crate::instances::InstancePermits;
use crate::processors::ProcessorPermits;
use crate::timers::Timers;
use crate::v0_1;
use tollgate_base::event::ComponentDigest;
use tollgate_base::thread::OwnedThread;

/// The options of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The folder of the cache of compiled code. Without it, nothing is cached.
    pub cache: Option<PathBuf>,
    /// The most instances that exist at once. Further runs wait.
    pub instances: u32,
    /// Where components are compiled.
    pub compile_in: CompileIn,
}

/// Compiles components and runs them on deliveries.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Call>,
    pub(crate) cache: CompileCache,
    pub(crate) compiler: Compiler,
    pub(crate) instances: InstancePermits,
    pub(crate) processors: Arc<ProcessorPermits>,
    /// The components in use. Handlers with the same file share its code.
    pub(crate) loaded: Mutex<HashMap<ComponentDigest, Weak<Component>>>,
    pub(crate) timers: Timers,
    _epochs: OwnedThread,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refused its configuration: the machine may lack a feature that it needs.
    #[error("wasmtime cannot be set up here: {0:#}")]
    Engine(wasmtime::Error),
    /// The cache folder or a thread could not be made.
    #[error("the sandbox cannot be set up: {0}")]
    Io(io::Error),
}

impl From<io::Error> for SandboxError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Sandbox {
    /// Makes the engine and starts its threads.
    ///
    /// # Errors
    /// The machine cannot run wasmtime, the cache folder cannot be made, or a thread cannot be
    /// started.
    pub fn new(options: &SandboxOptions) -> Result<Self, SandboxError> {
        let engine = running_engine(options.instances).map_err(SandboxError::Engine)?;
        let mut linker = Linker::new(&engine);
        v0_1::add_to_linker(&mut linker).map_err(SandboxError::Engine)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(SandboxError::Engine)?;
        Ok(Self {
            _epochs: epoch::start(&engine)?,
            linker,
            engine,
            cache: CompileCache::new(options.cache.clone())?,
            compiler: Compiler::new(options.compile_in.clone()),
            instances: InstancePermits::new(options.instances),
            processors: ProcessorPermits::of_this_machine(),
            loaded: Mutex::default(),
            timers: Timers::start()?,
        })
    }
}
