//! Why there is no new generation.

use std::fmt;
use std::path::PathBuf;

use crate::generation::fixtures::FixtureError;
use crate::manifest::Mistakes;
use tollgate_base::event::HandlerName;
use tollgate_sandbox::{LoadError as ComponentError, SandboxError};

/// Why no generation could be built.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The manifest has mistakes.
    #[error(transparent)]
    Manifest(#[from] Mistakes),
    /// Handlers cannot be loaded.
    #[error("{}", Lines(.0))]
    Handlers(Vec<HandlerError>),
}

/// Why the components of a manifest could not be checked, or failed the check.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no sandbox to run them in.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// They cannot be loaded.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// Why one handler cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("handler `{handler}`: {}: {reason}", component.display())]
pub struct HandlerError {
    /// The handler.
    pub handler: HandlerName,
    /// The file of its component.
    pub component: PathBuf,
    /// The reason.
    #[source]
    pub reason: HandlerErrorReason,
}

/// Why a handler's component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandlerErrorReason {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The sandbox cannot load the component.
    #[error(transparent)]
    Load(#[from] ComponentError),
    /// The component does not do what its fixtures expect.
    #[error("{}", Lines(.0))]
    Fixtures(Vec<FixtureError>),
}

/// Shows each item on a line of its own.
struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            line.fmt(f)?;
        }
        Ok(())
    }
}
