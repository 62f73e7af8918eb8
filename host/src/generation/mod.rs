//! One generation: a manifest with its components, compiled, linked and tried out.
//!
//! A generation is built whole beside the one that serves, and swapped in whole. Whoever
//! works on one keeps it alive until the work is done.

pub(crate) mod components;
pub mod fixtures;
pub(crate) mod last_good;
pub mod reload;
pub(crate) mod roll_back;
pub(crate) mod trials;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dispatch::{Dispatcher, Routes, Runnable};
use crate::generation::components::Components;
use crate::manifest::Mistakes;
use crate::settings::{Handler, Manifest, Source};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::machine;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Delivery, StateStore};
use tollgate_sandbox::{
    Component, LoadError, Run, Sandbox, SandboxError, SandboxOptions, StateSource,
};

/// What a machine that does not tell is taken to have.
const UNTOLD_MEMORY: u64 = 4 << 30;

/// A manifest with all that it names, ready to serve.
pub struct Generation {
    /// Counted from 1 in this process.
    pub number: u64,
    /// When it began to serve.
    pub loaded: WallTime,
    /// Where it comes from.
    pub origin: Origin,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The handlers with their components.
    pub handlers: BTreeMap<HandlerName, Arc<LoadedHandler>>,
    /// The routes.
    pub routes: Arc<Routes>,
    by_path: HashMap<String, Arc<Source>>,
}

/// Where a generation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The manifest as it stands.
    Manifest,
    /// The copy of the last good one, since the manifest as it stands cannot be used.
    LastGood,
}

impl Origin {
    /// The name in status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::LastGood => "last-good",
        }
    }
}

/// How a handler's component stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// There is nothing to go back to, or no reason to.
    #[default]
    Trusted,
    /// It has replaced another one, which serves again if this one fails its trial.
    OnTrial {
        /// The digest of the one before, in hex.
        before: String,
    },
    /// It serves in place of the one in the file, which has failed its trial.
    InPlaceOf(RolledBack),
}

/// A component that failed its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// Its digest, in hex.
    pub component: String,
    /// That of the one that serves in its place.
    pub before: String,
    /// When it failed.
    pub at: WallTime,
    /// On so many deliveries it broke down.
    pub broke: usize,
    /// Of so many.
    pub of: usize,
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        write!(
            f,
            "its component {} broke down on {} of {} new deliveries and is kept out until its file \
             changes; {} serves in its place",
            short(&self.component),
            self.broke,
            self.of,
            short(&self.before),
        )
    }
}

/// The bytes of a handler's component, and how it stands.
pub struct Code {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How it stands.
    pub standing: Standing,
}

impl From<Vec<u8>> for Code {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            standing: Standing::Trusted,
        }
    }
}

/// A handler with its component.
pub struct LoadedHandler {
    settings: Arc<Handler>,
    standing: Standing,
    component: Arc<Component>,
    sandbox: Arc<Sandbox>,
    state: Arc<dyn StateStore>,
    components: Arc<Components>,
}

impl LoadedHandler {
    /// What a delivery is to run: the handler's own component, unless it names another one
    /// that is kept.
    fn component(&self, delivery: &Delivery) -> Result<Arc<Component>, String> {
        match delivery.component {
            Some(digest) if digest != self.component.digest() => {
                let unkept = |error: &dyn fmt::Display| format!("component {digest}: {error}");
                let bytes = self.components.read(digest);
                let bytes = bytes.map_err(|error| unkept(&error))?;
                self.sandbox.load(&bytes).map_err(|error| unkept(&error))
            }
            _ => Ok(self.component.clone()),
        }
    }
}

impl Runnable for LoadedHandler {
    fn handler(&self) -> &Arc<Handler> {
        &self.settings
    }

    fn digest(&self) -> ComponentDigest {
        self.component.digest()
    }

    fn on_trial(&self) -> bool {
        matches!(self.standing, Standing::OnTrial { .. })
    }

    fn run(&self, delivery: &Delivery) -> Run {
        let state = StateSource::Ledger(self.state.clone());
        match self.component(delivery) {
            Ok(component) => self
                .sandbox
                .run(&component, &self.settings.guest, delivery, state),
            Err(why) => Run::unstarted(why),
        }
    }
}

/// What generations are built with, for as long as the process lives.
pub struct Builder {
    /// Compiles and runs.
    pub sandbox: Arc<Sandbox>,
    /// Where handlers' state is.
    pub state: Arc<dyn StateStore>,
    /// Components that have run.
    pub(crate) components: Arc<Components>,
}

/// Why there is no new generation.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The manifest has mistakes.
    #[error(transparent)]
    Manifest(#[from] Mistakes),
    /// Handlers cannot be loaded.
    #[error("{}", Lines(.0))]
    Handlers(Vec<HandlerError>),
}

/// Why components could not be checked, or what is wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no sandbox to check them in.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// They cannot be loaded.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// Why one handler cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("handler `{handler}`: {}: {reason}", component.display())]
pub struct HandlerError {
    /// The handler.
    pub handler: HandlerName,
    /// Its component's file.
    pub component: PathBuf,
    /// What is wrong.
    #[source]
    pub reason: HandlerErrorReason,
}

/// What is wrong with a handler's component.
#[derive(Debug, thiserror::Error)]
pub enum HandlerErrorReason {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It cannot be made a component that runs here.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not do what its fixtures say.
    #[error("{}", Lines(.0))]
    Fixtures(Vec<fixtures::FixtureError>),
}

struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            line.fmt(f)?;
        }
        Ok(())
    }
}

impl Builder {
    /// Builds a generation. `read` gives the bytes of a handler's component: from its file,
    /// or from the copies of the last good generation.
    pub fn build(
        &self,
        mut manifest: Manifest,
        number: u64,
        loaded: WallTime,
        origin: Origin,
        read: &dyn Fn(&Handler) -> std::io::Result<Code>,
    ) -> Result<Generation, GenerationError> {
        let components = load_all(&self.sandbox, &manifest, read)?;
        let expiring = manifest.expiry_warnings(loaded);
        manifest.warnings.extend(expiring);
        let handlers = components
            .into_iter()
            .map(|(settings, ready)| (settings.name.clone(), self.loaded(settings, ready)))
            .collect();
        let by_path = manifest
            .sources
            .values()
            .map(|source| (source.path.clone(), source.clone()))
            .collect();
        let routes = Arc::new(Routes::new(&manifest.routes, manifest.handlers.values()));
        Ok(Generation {
            number,
            loaded,
            origin,
            manifest: Arc::new(manifest),
            handlers,
            routes,
            by_path,
        })
    }

    /// The generation with another component for one handler, everything else as it is.
    pub fn replace(
        &self,
        generation: &Generation,
        present: &LoadedHandler,
        code: Code,
        loaded: WallTime,
    ) -> Result<Generation, GenerationError> {
        let settings = present.settings.clone();
        let handler = &settings.name;
        // What its fixtures are now says nothing of it: it has served.
        let component = prepare(&self.sandbox, &settings, &code.bytes).map_err(|reason| {
            GenerationError::Handlers(vec![HandlerError {
                handler: handler.clone(),
                component: settings.component.clone(),
                reason,
            }])
        })?;
        let mut handlers = generation.handlers.clone();
        let ready = (component, code.standing);
        handlers.insert(handler.clone(), self.loaded(settings.clone(), ready));
        Ok(Generation {
            number: generation.number + 1,
            loaded,
            origin: generation.origin,
            manifest: generation.manifest.clone(),
            handlers,
            routes: generation.routes.clone(),
            by_path: generation.by_path.clone(),
        })
    }

    fn loaded(&self, settings: Arc<Handler>, (component, standing): Ready) -> Arc<LoadedHandler> {
        let (sandbox, state) = (self.sandbox.clone(), self.state.clone());
        let components = self.components.clone();
        Arc::new(LoadedHandler {
            settings,
            standing,
            component,
            sandbox,
            state,
            components,
        })
    }
}

/// Says what is wrong with the components of a manifest, without a gateway.
pub fn check(manifest: &Manifest) -> Result<(), CheckError> {
    let sandbox = Sandbox::new(&SandboxOptions {
        cache: None,
        instances: 1,
    })?;
    load_all(
        &sandbox,
        manifest,
        &|handler| Ok(read_file(handler)?.into()),
    )?;
    Ok(())
}

/// A component that has been tried out, and how it stands.
type Ready = (Arc<Component>, Standing);

/// The component of each handler, tried out; or everything that is wrong with them.
fn load_all(
    sandbox: &Sandbox,
    manifest: &Manifest,
    read: &dyn Fn(&Handler) -> std::io::Result<Code>,
) -> Result<Vec<(Arc<Handler>, Ready)>, GenerationError> {
    let (mut components, mut errors) = (Vec::new(), Vec::new());
    for settings in manifest.handlers.values() {
        match load(sandbox, settings, read) {
            Ok(ready) => components.push((settings.clone(), ready)),
            Err(reason) => errors.push(HandlerError {
                handler: settings.name.clone(),
                component: settings.component.clone(),
                reason,
            }),
        }
    }
    if errors.is_empty() {
        Ok(components)
    } else {
        Err(GenerationError::Handlers(errors))
    }
}

fn load(
    sandbox: &Sandbox,
    settings: &Arc<Handler>,
    read: &dyn Fn(&Handler) -> std::io::Result<Code>,
) -> Result<Ready, HandlerErrorReason> {
    let code = read(settings)?;
    let component = prepare(sandbox, settings, &code.bytes)?;
    let errors = fixtures::run(sandbox, &component, settings);
    if errors.is_empty() {
        Ok((component, code.standing))
    } else {
        Err(HandlerErrorReason::Fixtures(errors))
    }
}

/// A component that can be run.
fn prepare(
    sandbox: &Sandbox,
    settings: &Arc<Handler>,
    bytes: &[u8],
) -> Result<Arc<Component>, HandlerErrorReason> {
    let component = sandbox.load(bytes)?;
    sandbox.probe(
        &component,
        &settings.guest,
        &fixtures::blank_delivery(settings),
    )?;
    Ok(component)
}

impl LoadedHandler {
    /// How its component stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Generation {
    /// The source with this URL path.
    pub fn source(&self, path: &str) -> Option<&Arc<Source>> {
        self.by_path.get(path)
    }

    /// Has its handlers run from now on.
    pub(crate) fn run_by(&self, dispatcher: &Dispatcher) {
        let memory = self.manifest.plugins.memory;
        let memory = memory.unwrap_or_else(memory_of_guests);
        for handler in self.manifest.handlers.values() {
            if handler.guest.limits.memory > memory {
                tracing::warn!(
                    handler = %handler.name,
                    memory = handler.guest.limits.memory,
                    all = memory,
                    "the handler may have more memory than is meant for all: its runs are alone",
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

    /// Which component each handler has.
    pub fn digests(&self) -> BTreeMap<HandlerName, ComponentDigest> {
        self.handlers
            .iter()
            .map(|(name, handler)| (name.clone(), handler.digest()))
            .collect()
    }
}

/// What guests may have together where the manifest does not say: half of what there is, so
/// that the other half is left to the host, the page cache and others.
fn memory_of_guests() -> usize {
    let all = machine::available_memory().unwrap_or(UNTOLD_MEMORY);
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

/// Reads a handler's component from its file.
pub fn read_file(handler: &Handler) -> std::io::Result<Vec<u8>> {
    std::fs::read(Path::new(&handler.component))
}
