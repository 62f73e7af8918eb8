//! `plugin.toml`: the project of a handler.

use std::sync::Arc;

use tollgate_toolkit::Project;

use super::handler::Handler;

/// The project of a handler, and the handler as its fixtures run it.
#[derive(Debug)]
pub(crate) struct ProjectSettings {
    /// The project: its name, and how it is built.
    pub(crate) project: Project,
    /// `[handler]`, with the project's component and `fixtures`. Default: no `config`, no `allow`,
    /// and the limits of a manifest; fixtures in `fixtures/*.json`.
    pub(crate) handler: Arc<Handler>,
    /// Settings that are probably not meant so.
    pub(crate) warnings: Vec<String>,
}
