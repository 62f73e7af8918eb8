//! What a language needs, so that handlers can be written in it.

use crate::context::Build;
use crate::error::BuildError;

/// A part of a new project.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// The files of `plugins/templates/NAME`, with their placeholders filled.
    Template(&'static str),
    /// The files of `plugins/sdk/NAME`, in this folder of the project.
    Sdk(&'static str, &'static str),
    /// The WIT package, in this folder of the project.
    Wit(&'static str),
}

/// What a language needs, so that handlers can be written in it.
pub trait Toolchain: Sync {
    /// The name of the language, as `--lang` and `plugin.toml` have it.
    fn name(&self) -> &'static str;

    /// The files by which a project without `plugin.toml` is recognised: all of them must be there.
    fn marks(&self) -> &'static [&'static str];

    /// The parts of a new project, in the order in which they are written.
    fn parts(&self) -> &'static [Part];

    /// Makes a core module or a component out of the project's sources, and returns its bytes.
    /// Whoever calls wraps a core module, and checks the result.
    ///
    /// # Errors
    /// A tool is missing, or fails, or the result cannot be read.
    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError>;

    /// How a handler is exported in this language, for a project that exports none.
    fn how_to_export(&self) -> &'static str;

    /// What to write instead, for the message of a trap or of a component that does not load.
    fn explain(&self, _message: &str) -> Option<String> {
        None
    }

    /// How to get rid of an import from outside Tollgate and WASI, such as `env.abort`.
    fn how_to_avoid(&self, _module: &str, _name: &str) -> Option<String> {
        None
    }
}
