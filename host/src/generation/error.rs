//! Why there is no new generation.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::generation::fixtures::FixtureError;
use crate::manifest::{self, HandlerMistake, Mistakes};
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

impl CheckError {
    /// The mistakes of the manifest in `file`, each at its place.
    pub fn mistakes(&self, file: &Path) -> Mistakes {
        match self {
            Self::Generation(GenerationError::Handlers(errors)) => {
                let found = errors.iter().flat_map(HandlerError::mistakes);
                manifest::at_their_places(file, found.collect())
            }
            other => Mistakes::of_file(file, one_line(&other.to_string())),
        }
    }
}

impl HandlerError {
    /// The mistakes: one for each fixture that fails, or one in all.
    fn mistakes(&self) -> Vec<HandlerMistake> {
        let mistake = |key, why: &dyn fmt::Display| HandlerMistake {
            handler: self.handler.clone(),
            key,
            message: one_line(&format!("{}: {why}", self.component.display())),
        };
        match &self.reason {
            HandlerErrorReason::Fixtures(errors) => {
                let errors = errors.iter();
                errors.map(|error| mistake("fixtures", error)).collect()
            }
            reason => vec![mistake("component", reason)],
        }
    }
}

/// The text with one space for each line break and the white space beside it.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
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
    pub reason: HandlerErrorReason,
}

/// Why a handler's component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandlerErrorReason {
    /// The file cannot be read.
    #[error("cannot be read: {why}{help}", why = .0, help = missing(.0))]
    Read(std::io::Error),
    /// The sandbox cannot load the component.
    #[error(transparent)]
    Load(#[from] ComponentError),
    /// The gateway's own code panicked while it loaded or tried the component.
    #[error("the gateway failed on it: {0}")]
    Panicked(String),
    /// The component does not do what its fixtures expect.
    #[error("{}", Lines(.0))]
    Fixtures(Vec<FixtureError>),
}

/// What to do about a file that is not there.
fn missing(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "; `component` is relative to `dir` of [plugins], and `tollgate plugin build` makes the \
             component of a project"
        }
        _ => "",
    }
}

impl From<std::io::Error> for HandlerErrorReason {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
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
