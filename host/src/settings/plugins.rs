//! `[plugins]`: where components are, and how much memory their guests share.

use std::path::PathBuf;

use tollgate_sandbox::CompileLimits;

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// `dir`: the folder of the components. Default `plugins`.
    pub dir: PathBuf,
    /// `max_size`: the most bytes that the file of a component may have. Default 128 MiB.
    pub max_size: usize,
    /// `compile_memory` and `compile_time`: the limits of the process that compiles a component.
    /// Default 1.5 GiB and 2 min.
    pub compile: CompileLimits,
    /// `memory`: the most bytes of memory that all guests may have together. Each run counts with
    /// its handler's `memory`. Default: half of the machine's memory.
    pub memory: Option<usize>,
}
