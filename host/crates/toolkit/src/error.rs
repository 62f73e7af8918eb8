//! Why a project cannot be built.

use std::io;
use std::path::{Path, PathBuf};

/// Why a project cannot be built. The text says what happened; [`BuildError::help`] says what to
/// do or to write instead.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A tool of the language is not there.
    #[error("{tool} is missing: {why}")]
    Missing {
        /// The tool, such as `cargo`.
        tool: String,
        /// What the tool is for, and what was found instead.
        why: String,
        /// The command that installs the tool here.
        install: String,
    },
    /// A tool ended with an error. Its own messages were passed on.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command.
        command: String,
        /// How the command ended.
        status: String,
        /// What the command said last: its standard error, or its standard output.
        said: String,
        /// What to do, if the reason is known.
        help: Option<String>,
    },
    /// The result is nothing that can serve.
    #[error("{what}")]
    Wrong {
        /// What is wrong.
        what: String,
        /// What to write instead.
        help: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl BuildError {
    /// A result that cannot serve, and what to write instead.
    pub fn wrong(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Wrong {
            what: what.into(),
            help: help.into(),
        }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::File {
            path: path.to_owned(),
            why,
        }
    }

    /// The error of a tool, with the help for what the tool said, if there is any.
    pub(crate) fn with_help(mut self, help_for: impl FnOnce(&str) -> Option<String>) -> Self {
        if let Self::Failed { said, help, .. } = &mut self {
            *help = help_for(said);
        }
        self
    }

    /// The error of a tool whose command line is long and says nothing: names `shown` alone.
    pub(crate) fn shown_as(mut self, shown: &str) -> Self {
        if let Self::Failed { command, .. } = &mut self {
            shown.clone_into(command);
        }
        self
    }

    /// What to do or to write instead; may have several lines.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { install, .. } => Some(install.clone()),
            Self::Failed { help, .. } => help.clone(),
            Self::Wrong { help, .. } => Some(help.clone()).filter(|help| !help.is_empty()),
            Self::File { .. } => None,
        }
    }
}
