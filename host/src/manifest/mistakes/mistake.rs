//! A mistake as users see it: file, line, column, the quoted line with a caret, and the help.

use std::fmt;
use std::path::{Path, PathBuf};

use super::quote::Quote;

/// Every mistake in one manifest, in the order of the text. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    list: Vec<Mistake>,
    secret_files: Vec<PathBuf>,
}

impl Mistakes {
    pub(super) fn new(list: Vec<Mistake>) -> Self {
        Self {
            list,
            secret_files: Vec::new(),
        }
    }

    /// The mistakes in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.list.iter()
    }

    /// The files of the manifest's secrets. A change of such a file may remove a mistake.
    pub fn secret_files(&self) -> &[PathBuf] {
        &self.secret_files
    }

    pub(crate) fn with_secret_files(self, secret_files: Vec<PathBuf>) -> Self {
        Self {
            secret_files,
            ..self
        }
    }

    /// One mistake that concerns the whole file.
    pub(crate) fn of_file(file: &Path, message: String) -> Self {
        Self::new(vec![Mistake {
            file: file.to_owned(),
            location: None,
            message,
            help: None,
        }])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// One mistake in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the manifest, as the caller gave it.
    pub file: PathBuf,
    /// The mistake, in one line.
    pub message: String,
    /// How to correct the mistake.
    pub help: Option<String>,
    pub(super) location: Option<Location>,
}

/// The place of a mistake in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) quote: Quote,
}

impl Mistake {
    /// Line and column (in characters), both from 1. `None` if the mistake concerns the whole file.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.location
            .as_ref()
            .map(|location| (location.line, location.column))
    }
}

impl fmt::Display for Mistake {
    /// Several lines. Each line ends with a line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, .. } = self;
        write!(f, "{}", self.file.display())?;
        let Some(Location {
            line,
            column,
            quote,
        }) = &self.location
        else {
            writeln!(f, ": {message}")?;
            return self
                .help
                .iter()
                .try_for_each(|help| writeln!(f, "  = {help}"));
        };
        writeln!(f, ":{line}:{column}: {message}")?;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, " {margin} |")?;
        writeln!(f, " {number} | {}", quote.line)?;
        writeln!(
            f,
            " {margin} | {}{}",
            " ".repeat(quote.indent),
            "^".repeat(quote.width)
        )?;
        self.help
            .iter()
            .try_for_each(|help| writeln!(f, " {margin} = {help}"))
    }
}
