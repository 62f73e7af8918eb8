//! Why there is no sandbox.

use std::io;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refused its configuration: the machine may lack a feature that it needs.
    #[error("wasmtime cannot be set up here: {0:#}")]
    Engine(wasmtime::Error),
    /// A thread could not be started.
    #[error("the sandbox cannot be set up: {0}")]
    Io(io::Error),
}

impl From<io::Error> for SandboxError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
