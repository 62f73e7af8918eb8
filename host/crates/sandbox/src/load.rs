//! Loads components: checks, compiles and links them.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;

use crate::compile::CompileLimits;
use crate::component::{Component, LoadError};
use crate::http;
use crate::imports::Imports;
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;
use crate::version::Version;
use tollgate_base::event::ComponentDigest;

/// The WASI packages that components may import, beside two interfaces of `wasi:http`.
const WASI_PACKAGES: &[&str] = &[
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

impl Sandbox {
    /// The component in the bytes of a file: wraps a core module and compiles (or takes the
    /// compiled code from the cache), checks the imports, and links. Returns the same component for
    /// the same bytes while the component is in use. Compiling may take seconds.
    ///
    /// # Errors
    /// Says why handlers cannot have this file as their component.
    pub fn load(&self, file: &[u8]) -> Result<Arc<Component>, LoadError> {
        let digest = ComponentDigest::of(file);
        let runtime = self.runtime.get();
        if let Some(component) = runtime
            .loaded
            .lock()
            .get(&digest)
            .and_then(std::sync::Weak::upgrade)
        {
            return Ok(component);
        }
        let component = Arc::new(self.compile(&runtime, file, digest)?);
        let mut loaded = runtime.loaded.lock();
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&component));
        Ok(component)
    }

    /// Sets the limits of all further compilations, where a child process compiles.
    pub fn set_compile_limits(&self, limits: CompileLimits) {
        self.compiler.set_limits(limits);
    }

    /// Ends what is being compiled, and compiles nothing more: further components come from the
    /// cache, or fail to load.
    pub fn end_compiling(&self) {
        self.compiler.end();
    }

    fn compile(
        &self,
        runtime: &Arc<Runtime>,
        file: &[u8],
        digest: ComponentDigest,
    ) -> Result<Component, LoadError> {
        let engine = &runtime.running.engine;
        let compiled = self.cache.load(engine, &self.compiler, digest, file)?;
        let imports = check_imports(engine, &compiled)?;
        runtime
            .link(&compiled, digest, imports)
            .map_err(LoadError::World)
    }
}

/// What the component imports. An error if it imports anything that handlers are not given.
fn check_imports(
    engine: &Engine,
    component: &wasmtime::component::Component,
) -> Result<Imports, LoadError> {
    let ty = component.component_type();
    let (mut foreign, mut imports) = (Vec::new(), Imports::default());
    for (name, item) in ty.imports(engine) {
        let is_one_of = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
        if is_one_of(WASI_PACKAGES) {
            imports.wasi = true;
        } else if is_one_of(http::INTERFACES) {
            (imports.wasi, imports.http) = (true, true);
        } else if let Some(version) = Version::of_import(name) {
            let unserved = |version: &str| LoadError::Version(version.to_owned());
            imports.version = version.map_err(unserved)?;
        } else if !name.starts_with("tollgate:handler/")
                // The types that the world itself uses are imports too.
                && !matches!(item.ty, ComponentItem::Type(_))
        {
            foreign.push(name.to_owned());
        }
    }
    if foreign.is_empty() {
        Ok(imports)
    } else {
        Err(LoadError::Imports(foreign))
    }
}
