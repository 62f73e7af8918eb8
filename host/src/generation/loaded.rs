//! One generation: a manifest with its components, ready to serve.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::dispatch::{Dispatcher, Routes, Runnable};
use crate::generation::handler::LoadedHandler;
use crate::settings::{Manifest, Source};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::machine;
use tollgate_base::time::WallTime;

/// The memory that a machine is assumed to have if the system does not say, in bytes.
const ASSUMED_MEMORY: u64 = 4 << 30;

/// A manifest with its components, ready to serve.
pub struct Generation {
    /// The number of the generation in this process, from 1.
    pub number: u64,
    /// When the generation was built.
    pub loaded: WallTime,
    /// The source of the manifest.
    pub origin: Origin,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The handlers with their components.
    pub handlers: BTreeMap<HandlerName, Arc<LoadedHandler>>,
    /// The routes.
    pub routes: Arc<Routes>,
    pub(super) by_path: HashMap<String, Arc<Source>>,
}

/// The source of a generation's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The manifest's file.
    Manifest,
    /// The copy of the last good generation, because the manifest's file cannot be used.
    LastGood,
}

impl Origin {
    /// The name in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::LastGood => "last-good",
        }
    }
}

impl Generation {
    /// The source with this URL path.
    pub fn source(&self, path: &str) -> Option<&Arc<Source>> {
        self.by_path.get(path)
    }

    /// Gives the dispatcher the handlers, the routes and the memory limit of this generation.
    pub(crate) fn dispatch_with(&self, dispatcher: &Dispatcher) {
        let memory = self.manifest.plugins.memory;
        let memory = memory.unwrap_or_else(default_guest_memory);
        for handler in self.manifest.handlers.values() {
            if handler.guest.limits.memory > memory {
                tracing::warn!(
                    handler = %handler.name,
                    memory = handler.guest.limits.memory,
                    all = memory,
                    "the handler's memory limit exceeds the limit for all guests: its runs run alone",
                );
            }
        }
        dispatcher.set_memory(memory);
        dispatcher.set_handlers(self.runnables(), self.routes.clone());
    }

    /// The handlers, for the dispatcher.
    fn runnables(&self) -> Vec<Arc<dyn Runnable>> {
        self.handlers
            .values()
            .map(|handler| handler.clone() as Arc<dyn Runnable>)
            .collect()
    }

    /// The digest of each handler's component.
    pub fn digests(&self) -> BTreeMap<HandlerName, ComponentDigest> {
        self.handlers
            .iter()
            .map(|(name, handler)| (name.clone(), handler.digest()))
            .collect()
    }

    /// Whether a handler runs this component.
    pub(crate) fn runs(&self, digest: ComponentDigest) -> bool {
        self.handlers
            .values()
            .any(|handler| handler.digest() == digest)
    }
}

/// The memory of all guests together if the manifest does not say, in bytes: half of the machine's
/// memory. The other half is for the host, the page cache and other processes.
fn default_guest_memory() -> usize {
    let all = machine::available_memory().unwrap_or(ASSUMED_MEMORY);
    usize::try_from(all / 2).unwrap_or(usize::MAX)
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .field("origin", &self.origin)
            .field("handlers", &self.digests())
            .finish_non_exhaustive()
    }
}
