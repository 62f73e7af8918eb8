//! Makes and builds the projects of handlers, in any of several languages.
//!
//! [`create`] writes a new project: the template of a language with its SDK and the WIT package,
//! all of which travel inside the program. [`build`] runs the language's toolchain and makes a
//! component of its output. Nothing here runs a handler: the command `tollgate plugin` does, in the
//! real sandbox.
//!
//! # How to add a language
//!
//! 1. `plugins/sdk/LANG/`: the SDK. `plugins/templates/LANG/`: the files of a new project. Texts
//!    in them may have the placeholders of [`create`]. `fixtures/*.json` expect what the
//!    template's handler does.
//! 2. `languages/LANG.rs`: a type with the trait [`Toolchain`]: by which files a project is
//!    recognised, which folders of the SDKs a new project gets, and how its toolchain makes a core
//!    module or a component. [`Tool`] finds a tool or says how to install it; [`Step`] runs it in a
//!    clean environment.
//! 3. A variant of [`Language`], and its line in `Language::toolchain`.
//! 4. A test in `tests/scenarios/plugin/`, and a row in `docs/languages.md`.

mod bindings;
mod build;
mod checks;
mod context;
mod create;
mod embedded;
mod error;
mod install;
mod language;
mod languages;
mod program;
mod project;
mod samples;
mod toolchain;
mod tools;
#[cfg(test)]
mod wit_page;
mod world;

pub use build::{Built, build};
pub use checks::help_for_module;
pub use context::Build;
pub use create::{CreateError, Created, NewProject, create};
pub use embedded::write_wit;
pub use error::BuildError;
pub use install::Install;
pub use language::{Language, UnknownLanguage};
pub use project::{CustomBuild, Project, ProjectKind};
pub use samples::{Sample, samples};
pub use toolchain::{Part, Toolchain};
pub use tools::{Step, Tool};
