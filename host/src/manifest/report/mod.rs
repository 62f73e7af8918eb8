//! How mistakes are collected and shown: place, line, caret, and what to write instead.
//!
//! A quoted line never shows a secret. So values are hidden unless validation has marked
//! them as plain, which it does only for settings that cannot hold one; see [`quote`].

mod quote;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::raw::{Node, Span, SyntaxError, Value};
use quote::{Quote, Quoter};

/// Every mistake in one manifest, in the order of its text; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    list: Vec<Mistake>,
    secret_files: Vec<PathBuf>,
}

impl Mistakes {
    /// The mistakes in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.list.iter()
    }

    /// Files that secrets were to be read from: when one of them changes, a mistake may
    /// be gone.
    pub fn secret_files(&self) -> &[PathBuf] {
        &self.secret_files
    }

    pub(super) fn with_secret_files(self, secret_files: Vec<PathBuf>) -> Self {
        Self {
            secret_files,
            ..self
        }
    }

    /// A mistake that concerns the file as a whole.
    pub(super) fn of_file(file: &Path, message: String) -> Self {
        let mistake = Mistake {
            file: file.to_owned(),
            place: None,
            message,
            help: None,
        };
        Self {
            list: vec![mistake],
            secret_files: Vec::new(),
        }
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
    /// The manifest's path as it was given.
    pub file: PathBuf,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    quote: Quote,
}

impl Mistake {
    /// Line and column (in characters), both from 1; none for a mistake that concerns the
    /// file as a whole.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

impl fmt::Display for Mistake {
    /// Several lines, each ended by a line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, .. } = self;
        write!(f, "{}", self.file.display())?;
        let Some(Place {
            line,
            column,
            quote,
        }) = &self.place
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

/// Whether a mistake may follow from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The value that stands there is wrong, whatever stands elsewhere.
    Value,
    /// Something is missing, unknown, or refers to what is not there. Where the text is
    /// no TOML this says little, since part of it was not understood.
    Context,
}

struct Found {
    span: Span,
    message: String,
    help: Option<String>,
    kind: Kind,
}

/// Collects what is found while a manifest is validated.
#[derive(Default)]
pub(super) struct Report {
    found: Vec<Found>,
    warnings: Vec<(Span, String)>,
    /// Where values start that may be shown.
    plain: HashSet<usize>,
}

impl Report {
    /// A value that is wrong wherever it stands.
    pub(super) fn wrong(&mut self, at: &Span, message: impl Into<String>, help: impl Into<Help>) {
        self.add(Kind::Value, at, message.into(), help.into());
    }

    /// Something that is missing, unknown, or refers to what is not there.
    pub(super) fn amiss(&mut self, at: &Span, message: impl Into<String>, help: impl Into<Help>) {
        self.add(Kind::Context, at, message.into(), help.into());
    }

    fn add(&mut self, kind: Kind, at: &Span, message: String, Help(help): Help) {
        // Names in quotes may hold what would drive a terminal.
        let clean = |text: String| text.replace(char::is_control, "\u{fffd}");
        self.found.push(Found {
            span: at.clone(),
            message: clean(message),
            help: help.map(clean),
            kind,
        });
    }

    /// Something that is allowed but unwise.
    pub(super) fn warn(&mut self, at: &Span, message: impl Into<String>) {
        self.warnings.push((at.clone(), message.into()));
    }

    /// Says that this value is no secret. A URL may hold a password all the same.
    pub(super) fn plain(&mut self, node: &Node) {
        node.leaves(&mut |leaf| match &leaf.value {
            Value::String(text) if text.contains("://") && text.contains('@') => {}
            _ => {
                self.plain.insert(leaf.span.start);
            }
        });
    }

    /// How many mistakes there are so far.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// The warnings if there is no mistake, else the mistakes.
    pub(super) fn conclude(
        self,
        text: &str,
        file: &Path,
        root: &Node,
        syntax: Vec<SyntaxError>,
    ) -> Result<Vec<String>, Mistakes> {
        if self.found.is_empty() && syntax.is_empty() {
            return Ok(self.warnings(text, file));
        }
        let quoter = if syntax.is_empty() {
            Quoter::of_tree(text, root, &self.plain)
        } else {
            Quoter::of_broken(text)
        };
        let mut found = with_syntax(self.found, syntax, &quoter);
        found.sort_by_key(|found| found.span.start);
        let mistakes = found.into_iter().map(|found| {
            let (line, column) = quoter.position(found.span.start);
            Mistake {
                file: file.to_owned(),
                message: found.message,
                help: found.help,
                place: Some(Place {
                    line,
                    column,
                    quote: quoter.quote(&found.span),
                }),
            }
        });
        Err(Mistakes {
            list: mistakes.collect(),
            secret_files: Vec::new(),
        })
    }

    fn warnings(mut self, text: &str, file: &Path) -> Vec<String> {
        let quoter = Quoter::of_broken(text);
        self.warnings.sort_by_key(|(span, _)| span.start);
        self.warnings
            .into_iter()
            .map(|(span, message)| {
                let (line, column) = quoter.position(span.start);
                format!("{}:{line}:{column}: {message}", file.display())
            })
            .collect()
    }
}

/// Adds syntax errors, the first of each line since the others follow from it, and leaves
/// out what may follow from them.
fn with_syntax(found: Vec<Found>, mut syntax: Vec<SyntaxError>, quoter: &Quoter<'_>) -> Vec<Found> {
    if syntax.is_empty() {
        return found;
    }
    syntax.sort_by_key(|error| error.span.start);
    syntax.dedup_by_key(|error| quoter.position(error.span.start).0);
    let broken: HashSet<usize> = syntax
        .iter()
        .map(|error| quoter.position(error.span.start).0)
        .collect();
    let certain = found.into_iter().filter(|found| {
        found.kind == Kind::Value
            && !found.span.is_empty()
            && !broken.contains(&quoter.position(found.span.start).0)
    });
    let syntax = syntax.into_iter().map(|error| Found {
        help: syntax_help(&error.message).map(str::to_owned),
        span: error.span,
        message: error.message,
        kind: Kind::Value,
    });
    certain.chain(syntax).collect()
}

/// What most often is behind a syntax error of this kind.
fn syntax_help(message: &str) -> Option<&'static str> {
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    if begins(&["duplicate key"]) {
        Some("a key, and a table with its header, may stand in the text once")
    } else if begins(&[
        "invalid float",
        "invalid integer",
        "invalid boolean",
        "string values",
    ]) {
        Some("text stands in quotes: key = \"value\"")
    } else if begins(&["invalid basic string", "invalid literal string"]) {
        Some("a text ends in the line that it begins in, with the same quote")
    } else if begins(&["unclosed table"]) {
        Some("write [name] in one line")
    } else {
        None
    }
}

/// What to write instead, or nothing.
#[derive(Default)]
pub(super) struct Help(Option<String>);

impl From<&str> for Help {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<String> for Help {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<Option<String>> for Help {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}

impl From<()> for Help {
    fn from((): ()) -> Self {
        Self(None)
    }
}
