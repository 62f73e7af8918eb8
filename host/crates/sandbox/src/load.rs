//! From a component's file to something that can be instantiated at once.

use std::sync::Arc;

use wasmtime::component::types::ComponentItem;

use super::Sandbox;
use super::bindings::v0_1;
use super::call::Call;
use super::wrap::{WrapError, to_component};
use tollgate_base::event::ComponentDigest;

/// The WASI packages that are linked. `wasi:http` is not among them: requests go through
/// the outbox.
const WASI_PACKAGES: &[&str] = &[
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// A component, compiled and linked.
pub struct Component {
    digest: ComponentDigest,
    pub(super) world: World,
    /// Whether it imports WASI. Such a guest may wait, so it is called in another way.
    pub(super) wasi: bool,
}

/// The versions of the world that components may be built against, one variant each.
pub(super) enum World {
    V0_1(v0_1::HandlerPre<Call>),
}

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is no component and cannot be made one.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// It does not compile: not valid, or beyond what the engine supports.
    #[error("does not compile: {0:#}")]
    Compile(wasmtime::Error),
    /// It imports what handlers are not given.
    #[error("imports {}, which handlers are not given", quoted(.0))]
    Imports(Vec<String>),
    /// It lacks the export `handle`, or an import or export has other types than the
    /// world's.
    #[error("does not fit the world `tollgate:handler/handler`: {0:#}")]
    World(wasmtime::Error),
    /// An instance of it cannot be made within the handler's limits.
    #[error("cannot be instantiated: {0}")]
    Instantiate(String),
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Component {
    /// The sha256 of the file.
    pub fn digest(&self) -> ComponentDigest {
        self.digest
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Makes a component out of a file's bytes: wraps a core module, checks the imports,
    /// compiles (or finds it compiled) and links. The same bytes give the same component
    /// as long as it is in use.
    pub fn load(&self, file: &[u8]) -> Result<Arc<Component>, LoadError> {
        let digest = ComponentDigest::of(file);
        if let Some(component) = self
            .loaded
            .lock()
            .get(&digest)
            .and_then(std::sync::Weak::upgrade)
        {
            return Ok(component);
        }
        let wasm = to_component(file)?;
        let compiled = self
            .cache
            .load(&self.engine, digest, &wasm)
            .map_err(LoadError::Compile)?;
        let wasi = self.check_imports(&compiled)?;
        let pre = self
            .linker
            .instantiate_pre(&compiled)
            .map_err(LoadError::World)?;
        let world = World::V0_1(v0_1::HandlerPre::new(pre).map_err(LoadError::World)?);
        let component = Arc::new(Component {
            digest,
            world,
            wasi,
        });
        let mut loaded = self.loaded.lock();
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&component));
        Ok(component)
    }

    /// Whether the component imports WASI; an error if it imports what is not linked.
    fn check_imports(&self, component: &wasmtime::component::Component) -> Result<bool, LoadError> {
        let ty = component.component_type();
        let (mut foreign, mut wasi) = (Vec::new(), false);
        for (name, item) in ty.imports(&self.engine) {
            if WASI_PACKAGES
                .iter()
                .any(|package| name.starts_with(package))
            {
                wasi = true;
            } else if !name.starts_with("tollgate:handler/")
                // Types that the world itself uses are imports too, of no function.
                && !matches!(item.ty, ComponentItem::Type(_))
            {
                foreign.push(name.to_owned());
            }
        }
        if foreign.is_empty() {
            Ok(wasi)
        } else {
            Err(LoadError::Imports(foreign))
        }
    }
}
