//! Collects mistakes and warnings during the validation of a manifest.

use std::collections::HashSet;
use std::path::Path;

use super::mistake::{Location, Mistake, Mistakes};
use super::quote::Quoter;
use super::spanned::{Kind, SpannedMistake};
use super::syntax::with_syntax_errors;
use crate::manifest::text::tree::{Node, Span, SyntaxError, Value};
use tollgate_base::printable::printable;

/// The mistakes and warnings of one manifest, in the order of validation.
#[derive(Default)]
pub(crate) struct Diagnostics {
    mistakes: Vec<SpannedMistake>,
    warnings: Vec<(Span, String)>,
    /// The starts of the values that may be quoted.
    quotable: HashSet<usize>,
}

impl Diagnostics {
    /// Adds a mistake of a value that is wrong, independently of the rest of the text.
    pub(crate) fn wrong_value(
        &mut self,
        at: &Span,
        message: impl Into<String>,
        help: impl Into<Help>,
    ) {
        self.add(Kind::Value, at, message.into(), help.into());
    }

    /// Adds a mistake that depends on the rest of the text: a key is missing or unknown, or a name
    /// refers to nothing.
    pub(crate) fn wrong_context(
        &mut self,
        at: &Span,
        message: impl Into<String>,
        help: impl Into<Help>,
    ) {
        self.add(Kind::Context, at, message.into(), help.into());
    }

    fn add(&mut self, kind: Kind, at: &Span, message: String, Help(help): Help) {
        // A name in quotes may contain control sequences for a terminal.
        let clean = |text: String| printable(&text).into_owned();
        self.mistakes.push(SpannedMistake {
            span: at.clone(),
            message: clean(message),
            help: help.map(clean),
            kind,
        });
    }

    /// Adds a warning: the setting is allowed but unwise.
    pub(crate) fn warn(&mut self, at: &Span, message: impl Into<String>) {
        self.warnings
            .push((at.clone(), printable(&message.into()).into_owned()));
    }

    /// Marks a value as one that is no secret, so that a mistake may quote it. A URL with an `@`
    /// stays masked, because it may contain a password.
    pub(crate) fn allow_quote(&mut self, node: &Node) {
        node.leaves(&mut |leaf| match &leaf.value {
            Value::String(text) if text.contains("://") && text.contains('@') => {}
            _ => {
                self.quotable.insert(leaf.span.start);
            }
        });
    }

    /// The number of mistakes so far.
    pub(crate) fn mistake_count(&self) -> usize {
        self.mistakes.len()
    }

    /// The warnings.
    ///
    /// # Errors
    /// The mistakes and the syntax errors, if there are any.
    pub(crate) fn finish(
        self,
        text: &str,
        file: &Path,
        root: &Node,
        syntax_errors: Vec<SyntaxError>,
    ) -> Result<Vec<String>, Mistakes> {
        if self.mistakes.is_empty() && syntax_errors.is_empty() {
            return Ok(self.warnings(text, file));
        }
        let quoter = if syntax_errors.is_empty() {
            Quoter::of_tree(text, root, &self.quotable)
        } else {
            Quoter::of_broken_text(text)
        };
        let mut mistakes = with_syntax_errors(self.mistakes, syntax_errors, &quoter);
        mistakes.sort_by_key(|mistake| mistake.span.start);
        let mistakes = mistakes.into_iter().map(|mistake| {
            let (line, column) = quoter.position(mistake.span.start);
            Mistake {
                file: file.to_owned(),
                message: mistake.message,
                help: mistake.help,
                location: Some(Location {
                    line,
                    column,
                    quote: quoter.quote(&mistake.span),
                }),
            }
        });
        Err(Mistakes::new(mistakes.collect()))
    }

    fn warnings(mut self, text: &str, file: &Path) -> Vec<String> {
        let quoter = Quoter::of_broken_text(text);
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

/// The help of a mistake, or none.
#[derive(Default)]
pub(crate) struct Help(Option<String>);

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
