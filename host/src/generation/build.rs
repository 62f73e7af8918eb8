//! Builds generations: loads the components of a manifest, and runs their fixtures.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dispatch::Routes;
use crate::generation::code::{Code, read_file};
use crate::generation::component_status::ComponentStatus;
use crate::generation::component_store::ComponentStore;
use crate::generation::error::{CheckError, GenerationError, HandlerError, HandlerErrorReason};
use crate::generation::fixtures;
use crate::generation::handler::LoadedHandler;
use crate::generation::last_good::LastGood;
use crate::generation::loaded::{Generation, Origin};
use crate::generation::trials::Trials;
use crate::immediate::{HandlerSender, ImmediateClients};
use crate::settings::{Handler, Manifest};
use tollgate_base::event::ComponentDigest;
use tollgate_base::time::WallTime;
use tollgate_ledger::StateStore;
use tollgate_sandbox::{CompileIn, Component, LoadError, Sandbox, SandboxOptions};

/// Builds generations. Lives as long as the process.
pub struct Builder {
    /// Compiles and runs components.
    pub sandbox: Arc<Sandbox>,
    /// The state of handlers, for their runs.
    pub state: Arc<dyn StateStore>,
    /// The components that have run, for deliveries that name one of them.
    pub(crate) components: Arc<ComponentStore>,
    /// The connections of immediate requests.
    pub(crate) requests: Arc<ImmediateClients>,
}

impl Builder {
    /// Builds a generation. `read` returns the code of a handler's component: from its file, or
    /// from the copies of the last good generation.
    ///
    /// # Errors
    /// Everything that is wrong with any of the components.
    pub fn build(
        &self,
        mut manifest: Manifest,
        number: u64,
        loaded: WallTime,
        origin: Origin,
        read: &dyn Fn(&Handler) -> std::io::Result<Code>,
    ) -> Result<Generation, GenerationError> {
        self.sandbox.set_compile_limits(manifest.plugins.compile);
        let components = load_all(&self.sandbox, &manifest, read)?;
        let expiring = manifest.expiry_warnings(loaded);
        let addresses = manifest.allow_from_warnings(loaded);
        manifest
            .warnings
            .extend(expiring.into_iter().chain(addresses));
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

    /// A generation with another component for one handler and everything else unchanged.
    ///
    /// # Errors
    /// The component cannot be loaded.
    pub fn replace(
        &self,
        generation: &Generation,
        present: &LoadedHandler,
        code: Code,
        loaded: WallTime,
    ) -> Result<Generation, GenerationError> {
        let settings = present.settings.clone();
        let handler = &settings.name;
        // The component has served before, so the present fixtures do not matter.
        let component = guarded(|| Ok(prepare(&self.sandbox, &settings, &code.bytes)?));
        let component = component.map_err(|reason| {
            GenerationError::Handlers(vec![HandlerError {
                handler: handler.clone(),
                component: settings.component.clone(),
                reason,
            }])
        })?;
        let mut handlers = generation.handlers.clone();
        let ready = (component, code.status);
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

    fn loaded(&self, settings: Arc<Handler>, (component, status): Ready) -> Arc<LoadedHandler> {
        let (sandbox, state) = (self.sandbox.clone(), self.state.clone());
        let components = self.components.clone();
        let sender = HandlerSender::new(self.requests.clone(), settings.clone());
        Arc::new(LoadedHandler {
            settings,
            sender,
            status,
            component,
            sandbox,
            state,
            components,
        })
    }
}

/// Loads the components of a manifest and runs their fixtures, without a gateway.
///
/// # Errors
/// Everything that is wrong with any of the components.
pub fn check(
    manifest: &Manifest,
    compile_in: CompileIn,
    cache: Option<PathBuf>,
) -> Result<(), CheckError> {
    let sandbox = Sandbox::new(&SandboxOptions {
        cache,
        second_cache: None,
        instances: 1,
        compile_in,
    })?;
    sandbox.set_compile_limits(manifest.plugins.compile);
    let max_size = manifest.plugins.max_size;
    load_all(&sandbox, manifest, &|handler| {
        Ok(read_file(handler, max_size)?.into())
    })?;
    Ok(())
}

/// The components in the files of a manifest that a gateway keeps out, since they failed their
/// trials, as texts. By the data folder: there are none where no gateway has run.
pub fn kept_out(manifest: &Manifest) -> Vec<String> {
    let data = manifest.ledger.path.parent().unwrap_or(Path::new(""));
    let last_good = LastGood::in_folder(data);
    let Ok(trials) = Trials::read(last_good.folder()) else {
        return Vec::new();
    };
    let handlers = manifest.handlers.values();
    let told = handlers
        .filter(|handler| handler.rollback)
        .filter_map(|handler| {
            let bytes = read_file(handler, manifest.plugins.max_size).ok()?;
            let digest = ComponentDigest::of(&bytes);
            match trials.status_of_file(handler.name.as_str(), digest, None) {
                ComponentStatus::InPlaceOf(kept) => {
                    Some(format!("handler `{}`: {kept}", handler.name))
                }
                _ => None,
            }
        });
    told.collect()
}

/// A component that is loaded and has passed its fixtures, with its status.
type Ready = (Arc<Component>, ComponentStatus);

/// Loads the component of each handler and runs its fixtures.
fn load_all(
    sandbox: &Sandbox,
    manifest: &Manifest,
    read: &dyn Fn(&Handler) -> std::io::Result<Code>,
) -> Result<Vec<(Arc<Handler>, Ready)>, GenerationError> {
    let (mut components, mut errors) = (Vec::new(), Vec::new());
    for settings in manifest.handlers.values() {
        match guarded(|| load(sandbox, settings, read)) {
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

/// Turns a panic of `load` into an error: no component ends the gateway's start, or the thread
/// that reloads.
fn guarded<T>(
    load: impl FnOnce() -> Result<T, HandlerErrorReason>,
) -> Result<T, HandlerErrorReason> {
    // A half-loaded component is dropped, and the engine keeps nothing of it.
    catch_unwind(AssertUnwindSafe(load))
        .unwrap_or_else(|panic| Err(HandlerErrorReason::Panicked(message_of(&*panic))))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
        .to_owned()
}

fn load(
    sandbox: &Sandbox,
    settings: &Arc<Handler>,
    read: &dyn Fn(&Handler) -> std::io::Result<Code>,
) -> Result<Ready, HandlerErrorReason> {
    let span = tracing::info_span!("load", handler = %settings.name);
    let _entered = span.enter();
    let code = read(settings)?;
    let component = prepare(sandbox, settings, &code.bytes)?;
    let errors = fixtures::run(sandbox, &component, settings);
    if errors.is_empty() {
        Ok((component, code.status))
    } else {
        Err(HandlerErrorReason::Fixtures(errors))
    }
}

/// Loads a component and makes one instance of it.
///
/// # Errors
/// The file does not become a component, or the handler's limits allow no instance.
pub(crate) fn prepare(
    sandbox: &Sandbox,
    settings: &Handler,
    bytes: &[u8],
) -> Result<Arc<Component>, LoadError> {
    let component = sandbox.load(bytes)?;
    sandbox.probe(
        &component,
        &settings.guest,
        &fixtures::blank_delivery(settings),
    )?;
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_reason_of_one_handler() {
        let text = guarded::<()>(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(text.to_string(), "the gateway failed on it: number 7");
        let plain = guarded::<()>(|| panic!("plain")).unwrap_err();
        assert_eq!(plain.to_string(), "the gateway failed on it: plain");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
    }
}
