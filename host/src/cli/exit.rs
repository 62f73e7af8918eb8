//! The exit codes of all commands, in one table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Failed,
    NotTried,
    NotFound,
    Unreachable,
    Interrupted,
    BrokenPipe,
}

impl Exit {
    /// All of them, by their codes.
    pub(super) const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::NotTried,
        Self::NotFound,
        Self::Unreachable,
        Self::Interrupted,
        Self::BrokenPipe,
    ];

    /// The exit code.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // As programs do whose arguments cannot be used, among them all that use clap.
            Self::NotTried => 2,
            Self::NotFound => 3,
            Self::Unreachable => 4,
            // As shells tell of SIGINT and SIGPIPE.
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
        }
    }

    /// The meaning of the code, for people.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "failed: the gateway refuses, a check finds a mistake, or something differs"
            }
            Self::NotTried => {
                "not tried: the arguments or what they name cannot be used, or nobody confirmed"
            }
            Self::NotFound => "not found: what the command names is not there",
            Self::Unreachable => "no gateway answers",
            Self::Interrupted => "ended by a second signal",
            Self::BrokenPipe => "nobody reads standard output any more",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a command names is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotFound(String);

/// The arguments cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(String);

impl Unusable {
    /// The error that says why.
    pub(super) fn because(why: impl Into<String>) -> anyhow::Error {
        Self(why.into()).into()
    }
}

/// The value, or the error that `what` is not there.
pub(super) fn found<T>(value: Option<T>, what: impl FnOnce() -> String) -> anyhow::Result<T> {
    value.ok_or_else(|| NotFound(what()).into())
}

/// The codes as lines, for `--help` and the manual page.
pub(super) fn help() -> String {
    let lines = Exit::ALL.map(|exit| format!("  {:3}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_means_two_things() {
        let mut codes = Exit::ALL.map(Exit::code).to_vec();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(codes.is_sorted());
    }
}
