//! The sandbox: the engine and everything that lives as long as the process.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cache::CompileCache;
use crate::compile::{CompileIn, Compiler};
use crate::instances::InstancePermits;
use crate::processors::ProcessorPermits;
use crate::runtime::CurrentRuntime;
use crate::sandbox_error::SandboxError;
use crate::timers::Timers;
use crate::waiting_threads::WaitingThreads;
use tollgate_base::thread::OwnedThread;

/// The options of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The folder of the cache of compiled code. Without it, nothing is cached.
    pub cache: Option<PathBuf>,
    /// A second folder of compiled code. Code that is found there is copied into `cache`, and is
    /// not compiled again. The folder must be the user's alone, since compiled code is trusted.
    pub second_cache: Option<PathBuf>,
    /// The most instances that exist at once. Further runs wait.
    pub instances: u32,
    /// Where components are compiled.
    pub compile_in: CompileIn,
}

/// Compiles components and runs them on deliveries.
pub struct Sandbox {
    pub(crate) runtime: CurrentRuntime,
    pub(crate) cache: CompileCache,
    pub(crate) compiler: Compiler,
    pub(crate) instances: Arc<InstancePermits>,
    pub(crate) processors: Arc<ProcessorPermits>,
    pub(crate) timers: Timers,
    pub(crate) waiting: WaitingThreads,
    _swap_watch: OwnedThread,
}

impl Sandbox {
    /// Makes the engine and starts its threads.
    ///
    /// # Errors
    /// The machine cannot run wasmtime, or a thread cannot be started.
    pub fn new(options: &SandboxOptions) -> Result<Self, SandboxError> {
        Self::make(options, false)
    }

    /// A sandbox for a developer: a trap leaves a core dump in [`Run::core`](crate::Run::core),
    /// which takes as long as copying the guest's memory.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn for_debugging(options: &SandboxOptions) -> Result<Self, SandboxError> {
        Self::make(options, true)
    }

    fn make(options: &SandboxOptions, core_dumps: bool) -> Result<Self, SandboxError> {
        let runtime = CurrentRuntime::new(options.instances, core_dumps)?;
        Ok(Self {
            _swap_watch: runtime.watch()?,
            runtime,
            cache: CompileCache::new(options.cache.clone(), options.second_cache.clone()),
            compiler: Compiler::new(options.compile_in.clone()),
            instances: InstancePermits::new(options.instances),
            processors: ProcessorPermits::of_this_machine(),
            timers: Timers::start()?,
            waiting: WaitingThreads::default(),
        })
    }
}
