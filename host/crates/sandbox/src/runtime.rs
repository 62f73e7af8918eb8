//! The engine that runs guests, with what is linked for it; and its replacement.
//!
//! After a run, the engine resets the memory that the next guest will get. The engine asks the
//! kernel which pages were written (`PAGEMAP_SCAN`) and resets these alone, which takes a fifth of
//! the time. wasmtime 48 counts only pages that are present: a written page that the kernel has
//! swapped out is not reset, and the next guest could read it (wasmtime's pull request 14357). So
//! an engine scans only where memory cannot be swapped. If a swap device appears while the gateway
//! runs, another engine takes over.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use wasmtime::component::Linker;

use crate::ask;
use crate::call::Call;
use crate::component::Component;
use crate::engine::EngineOptions;
use crate::imports::Imports;
use crate::running::RunningEngine;
use crate::sandbox_error::SandboxError;
use crate::world::World;
use tollgate_base::event::ComponentDigest;
use tollgate_base::machine::memory_may_be_swapped;
use tollgate_base::thread::OwnedThread;

/// How often the sandbox looks whether memory can be swapped.
const LOOK: Duration = Duration::from_secs(1);

/// An engine that runs guests, and what is linked for it.
pub(crate) struct Runtime {
    pub(crate) running: Arc<RunningEngine>,
    pub(crate) linker: Linker<Call>,
    /// The components in use. Handlers with the same file share its code.
    pub(crate) loaded: Mutex<HashMap<ComponentDigest, Weak<Component>>>,
    /// Components of an earlier runtime, linked anew for this one.
    pub(crate) moved: Mutex<HashMap<ComponentDigest, Arc<Component>>>,
}

impl Runtime {
    /// A runtime with an engine of these choices.
    pub(crate) fn new(options: EngineOptions) -> Result<Self, SandboxError> {
        let running = RunningEngine::start(options)?;
        let mut linker = Linker::new(&running.engine);
        World::add_to_linker(&mut linker).map_err(SandboxError::Engine)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(SandboxError::Engine)?;
        ask::add_to_linker(&mut linker).map_err(SandboxError::Engine)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)
            .map_err(SandboxError::Engine)?;
        Ok(Self {
            running: Arc::new(running),
            linker,
            loaded: Mutex::default(),
            moved: Mutex::default(),
        })
    }

    /// Links compiled code.
    pub(crate) fn link(
        &self,
        compiled: &wasmtime::component::Component,
        digest: ComponentDigest,
        imports: Imports,
    ) -> wasmtime::Result<Component> {
        let pre = self.linker.instantiate_pre(compiled)?;
        Ok(Component {
            digest,
            world: World::new(imports.version, pre)?,
            imports,
            running: self.running.clone(),
        })
    }
}

/// The runtime of a sandbox, which may be replaced.
#[derive(Clone)]
pub(crate) struct CurrentRuntime {
    pub(crate) current: Arc<RwLock<Arc<Runtime>>>,
    options: EngineOptions,
}

impl CurrentRuntime {
    /// A runtime for this machine as it is now, for up to `instances` guests at once. `core_dumps`
    /// says whether a trap leaves a core dump.
    pub(crate) fn new(instances: u32, core_dumps: bool) -> Result<Self, SandboxError> {
        let options = EngineOptions {
            instances,
            scan: !memory_may_be_swapped(),
            core_dumps,
        };
        Ok(Self {
            current: Arc::new(RwLock::new(Arc::new(Runtime::new(options)?))),
            options,
        })
    }

    pub(crate) fn get(&self) -> Arc<Runtime> {
        self.current.read().clone()
    }

    pub(crate) fn runs_on(&self, running: &Arc<RunningEngine>) -> bool {
        Arc::ptr_eq(&self.current.read().running, running)
    }

    /// Starts the thread that replaces a runtime that scans once memory can be swapped.
    pub(crate) fn watch(&self) -> io::Result<OwnedThread> {
        let runtime = self.clone();
        OwnedThread::start("swap-watch", move |stop| {
            while !stop.wait(LOOK) {
                if runtime.get().running.scans && memory_may_be_swapped() {
                    runtime.replace();
                }
            }
        })
    }

    /// Lets a runtime that does not scan take over. Runs under way end on the earlier one.
    pub(crate) fn replace(&self) {
        let options = EngineOptions {
            scan: false,
            ..self.options
        };
        match Runtime::new(options) {
            Ok(runtime) => {
                *self.current.write() = Arc::new(runtime);
                tracing::warn!(
                    "memory can be swapped now: the memory of guests is reset as a whole, which is slower"
                );
            }
            Err(error) => {
                tracing::error!(%error, "there is no engine for memory that can be swapped");
            }
        }
    }
}
