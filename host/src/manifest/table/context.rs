//! The inputs and outputs of the validation, besides the tree.

use std::path::{Path, PathBuf};

use crate::manifest::mistakes::Diagnostics;

/// The inputs and outputs of the validation, besides the tree.
pub(crate) struct Context<'a> {
    /// The manifest's folder. Paths in the manifest are relative to it.
    pub(crate) folder: &'a Path,
    /// The values of environment variables.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// The mistakes and warnings so far.
    pub(crate) diagnostics: Diagnostics,
    /// The files of secrets so far.
    pub(crate) secret_files: Vec<PathBuf>,
}

impl<'a> Context<'a> {
    /// The context for a manifest in the file `origin`.
    pub(crate) fn new(origin: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            folder: origin.parent().unwrap_or(Path::new("")),
            env,
            diagnostics: Diagnostics::default(),
            secret_files: Vec::new(),
        }
    }
}
