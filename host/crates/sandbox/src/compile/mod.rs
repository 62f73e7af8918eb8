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
mod functions;
mod in_child;
mod limits;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tollgate_component::to_component;
use wasmtime::{CacheStore, Engine};

use crate::engine::compiling_engine;

pub use answer::Refusal;
pub use child::CompilerFailure;
pub use in_child::child_main;
pub use limits::CompileLimits;

pub(crate) use functions::Functions;

use answer::{Answer, Compiled};
use child::Children;
use functions::{FunctionStore, Learned, WORTHWHILE, owned_by_us};

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

    /// The compiled code of the component in a file's bytes. Wraps a core module first. With
    /// `functions`, what was compiled before is used, and what is new is kept.
    pub(crate) fn compile(
        &self,
        file: &[u8],
        functions: Option<&Functions>,
    ) -> Result<Vec<u8>, CompileError> {
        let functions = functions.filter(|_| file.len() >= WORTHWHILE);
        let path = functions.map(Functions::path);
        let Compiled { code, learned } = match &self.place {
            CompileIn::ThisProcess => compile_here(file, path)?,
            CompileIn::Child { program, arguments } => {
                let limits = *self.limits.lock();
                self.children
                    .run(program, arguments, (&limits, path), file)??
            }
        };
        if let Some(functions) = functions
            && let Err(error) = functions.learn(learned)
        {
            let path = functions.path().display();
            tracing::warn!(%path, %error, "compiled functions could not be kept");
        }
        Ok(code)
    }
}

/// The compiled code of the component in a file's bytes, with the kept functions in this file.
fn compile_here(file: &[u8], functions: Option<&Path>) -> Answer {
    compile_keeping(file, open_functions(functions))
}

/// Opens a file of kept functions, if it can be trusted.
fn open_functions(path: Option<&Path>) -> Option<Arc<FunctionStore>> {
    let path = path?;
    // Without a file yet, what is compiled is new.
    let trusted = !path.exists() || owned_by_us(path);
    trusted.then(|| Arc::new(FunctionStore::open(path)))
}

fn compile_keeping(file: &[u8], functions: Option<Arc<FunctionStore>>) -> Answer {
    let store = functions.clone().map(|store| store as Arc<dyn CacheStore>);
    let engine = compiling_engine(store).map_err(|error| Refusal(format!("{error:#}")))?;
    let code = compile_with(&engine, file)?;
    let learned = functions.map_or_else(Learned::default, |store| store.take_learned());
    Ok(Compiled { code, learned })
}

/// The compiled code of the component in a file's bytes, by an engine that is there.
pub(crate) fn compile_with(engine: &Engine, file: &[u8]) -> Result<Vec<u8>, Refusal> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with so many functions; each is another if `seed` is.
    fn component(functions: u32, seed: u32) -> Vec<u8> {
        let body = |n: u32| {
            let n = if n == 7 { n + seed } else { n };
            format!(
                "(func (param i32) (result i32) local.get 0 i32.const {n} i32.mul \
                 local.get 0 i32.const {} i32.xor i32.add)",
                n + 1
            )
        };
        let functions: String = (0..functions).map(body).collect();
        wat::parse_str(format!("(component (core module {functions}))")).unwrap()
    }

    #[test]
    fn a_changed_component_compiles_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Functions::at(folder.path().join("functions"));
        let compile = |file: &[u8]| {
            let Compiled { code, learned } = compile_here(file, Some(kept.path())).unwrap();
            let counts = learned.used_and_new();
            kept.learn(learned).unwrap();
            assert_eq!(
                code,
                compile_here(file, None).unwrap().code,
                "the same code"
            );
            counts
        };
        let (used, new) = compile(&component(60, 0));
        assert!(used == 0 && new >= 60, "{used}, {new}");
        let (used, new) = compile(&component(60, 1000));
        assert!(used >= 58 && new <= 3, "{used}, {new}");
        let (used, new) = compile(&component(60, 1000));
        assert!(used >= 59 && new <= 1, "{used}, {new}");
    }

    #[test]
    fn damaged_functions_are_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Functions::at(folder.path().join("functions"));
        let file = component(60, 0);
        let first = compile_here(&file, Some(kept.path())).unwrap();
        kept.learn(first.learned.clone()).unwrap();
        let mut bytes = std::fs::read(kept.path()).unwrap();
        let at = bytes.len() - 20;
        bytes[at..].fill(0xcc);
        std::fs::write(kept.path(), bytes).unwrap();
        let again = compile_here(&file, Some(kept.path())).unwrap();
        assert_eq!(again.code, first.code);
        assert!(again.learned.used_and_new().1 >= 1);
    }
}
