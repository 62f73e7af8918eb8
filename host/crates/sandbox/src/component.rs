//! A component that is compiled and linked, and why a file may not become one.

use std::fmt;
use std::sync::Arc;

use crate::compile::{CompileError, CompilerFailure, Refusal};
use crate::imports::Imports;
use crate::running::RunningEngine;
use crate::world::World;
use tollgate_base::event::{ComponentDigest, HandlerName};

/// A component that is compiled and linked: instances of it can be made at once.
pub struct Component {
    pub(crate) digest: ComponentDigest,
    pub(crate) world: World,
    pub(crate) imports: Imports,
    /// The engine that the component is linked for.
    pub(crate) running: Arc<RunningEngine>,
}

impl Component {
    /// The compiled code.
    pub(crate) fn code(&self) -> &wasmtime::component::Component {
        self.world.code()
    }
}

/// Why handlers cannot have a file as their component.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No component can be made out of the file, or the component does not compile: it is not
    /// valid, or exceeds what the engine supports.
    #[error(transparent)]
    Refused(Refusal),
    /// The compiler did not come to an end.
    #[error(transparent)]
    Compiler(CompilerFailure),
    /// The compiled code cannot be loaded.
    #[error("the compiled code cannot be loaded: {0:#}")]
    Code(wasmtime::Error),
    /// The component imports these interfaces, which handlers are not given.
    #[error("imports {}, which handlers are not given", quoted(.0))]
    Imports(Vec<String>),
    /// The component was built against this version of the world, which nobody serves.
    #[error(
        "was built against `tollgate:handler@{0}`, and this gateway serves 0.1; run a gateway that \
         serves it, or build the component against the WIT of this one: `tollgate plugin build`"
    )]
    Version(String),
    /// The component imports `wasi:http` or `tollgate:ask`, and no `allow` entry grants it.
    #[error(
        "asks while it runs (it imports `wasi:http` or `tollgate:ask`), which is not granted; write \
         `[[handlers.{0}.allow]]` with `origin = \"https://…\"` and `immediate = true` for each \
         origin that it asks"
    )]
    Requests(HandlerName),
    /// The component lacks the export `handle`, or an import or export has other types than the
    /// world.
    #[error("does not fit the world `tollgate:handler/handler`: {0:#}")]
    World(wasmtime::Error),
    /// No instance can be made within the handler's limits. The text says why.
    #[error("cannot be instantiated: {0}")]
    Instantiate(String),
}

impl From<CompileError> for LoadError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Refused(why) => Self::Refused(why),
            CompileError::Failed(failure) => Self::Compiler(failure),
        }
    }
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Component {
    /// The sha256 of the file that the component was loaded from.
    pub fn digest(&self) -> ComponentDigest {
        self.digest
    }

    /// Whether the component may send requests while it runs, and wait for the answers.
    pub fn may_ask(&self) -> bool {
        self.imports.http
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
