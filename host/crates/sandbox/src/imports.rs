//! What a component imports.

use crate::version::Version;

/// What a component imports.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Imports {
    /// Whether the component imports WASI. Such a guest may wait, so it is called under a timer.
    pub(crate) wasi: bool,
    /// Whether the component imports `wasi:http`, as part of WASI.
    pub(crate) http: bool,
    /// The version of the world.
    pub(crate) version: Version,
}
