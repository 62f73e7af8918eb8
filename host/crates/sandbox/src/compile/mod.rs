//! Compiles components, in a child process with limits or in this process.
//!
//! To parse, validate and compile the file of a stranger takes memory and time that nobody can
//! foretell: a small file may take gigabytes. So the gateway starts its own program a second time
//! for each component ([`child_main`]). The child bounds its memory and its time, closes itself off
//! from files and sockets, reads the file from its standard input, and writes the compiled code to
//! its standard output.

mod answer;
mod child;
mod fence;
mod in_child;
mod limits;

use std::ffi::OsString;
use std::path::PathBuf;

use parking_lot::Mutex;
use tollgate_component::to_component;
use wasmtime::Engine;

use crate::engine::compiling_engine;

pub use answer::Refusal;
pub use child::CompilerFailure;
pub use in_child::child_main;
pub use limits::CompileLimits;

use answer::Answer;
use child::Children;

/// Where components are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileIn {
    /// In this process, without limits: for tests and benchmarks.
    ThisProcess,
    /// In a child process for each component. The program must call [`child_main`] when it gets
    /// these arguments, with the limits' arguments after them.
    Child {
        /// The program.
        program: PathBuf,
        /// Its first arguments.
        arguments: Vec<OsString>,
    },
}

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// The file is no component that the engine supports.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The compiler did not come to an end.
    #[error(transparent)]
    Failed(#[from] CompilerFailure),
}

/// Compiles components.
pub(crate) struct Compiler {
    place: CompileIn,
    limits: Mutex<CompileLimits>,
    children: Children,
}

impl Compiler {
    pub(crate) fn new(place: CompileIn) -> Self {
        Self {
            place,
            limits: Mutex::default(),
            children: Children::default(),
        }
    }

    /// Sets the limits of all further compilations.
    pub(crate) fn set_limits(&self, limits: CompileLimits) {
        *self.limits.lock() = limits;
    }

    /// Ends what is being compiled, and compiles nothing more.
    pub(crate) fn end(&self) {
        self.children.end();
    }

    /// The compiled code of the component in a file's bytes. Wraps a core module first.
    pub(crate) fn compile(&self, file: &[u8]) -> Result<Vec<u8>, CompileError> {
        let CompileIn::Child { program, arguments } = &self.place else {
            return Ok(compile_here(file)?);
        };
        let limits = *self.limits.lock();
        let answer = self.children.run(program, arguments, &limits, file)?;
        Ok(answer?)
    }
}

/// The compiled code of the component in a file's bytes.
fn compile_here(file: &[u8]) -> Answer {
    let engine = compiling_engine().map_err(|error| Refusal(format!("{error:#}")))?;
    compile_with(&engine, file)
}

/// The same, by an engine that is there.
pub(crate) fn compile_with(engine: &Engine, file: &[u8]) -> Answer {
    // Such files are never accepted, because to run native code is to trust its bytes.
    if Engine::detect_precompiled(file).is_some() {
        let why = "is compiled native code (.cwasm); put the .wasm itself there";
        return Err(Refusal(why.to_owned()));
    }
    let wasm = to_component(file).map_err(|error| Refusal(format!("{error:#}")))?;
    engine
        .precompile_component(&wasm)
        .map_err(|error| Refusal(format!("does not compile: {error:#}")))
}
