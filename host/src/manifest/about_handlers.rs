//! What is wrong with the files that handlers name, shown at their places in the manifest.

use std::path::Path;

use tollgate_base::event::HandlerName;
use tollgate_base::files::read_regular_text;

use super::mistakes::{Diagnostics, Mistakes};
use super::parse::MAX_SIZE;
use super::text::tree::{self, Node, Value};

/// What is wrong with a file that a handler names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerMistake {
    /// The handler.
    pub handler: HandlerName,
    /// The key that names the file: `component` or `fixtures`.
    pub key: &'static str,
    /// What is wrong, in one line.
    pub message: String,
}

/// The mistakes with file, line and caret. There is at least one in `found`. A handler whose place
/// is not found, since the file has just changed, has its mistake at the start.
pub(crate) fn at_their_places(file: &Path, found: Vec<HandlerMistake>) -> Mistakes {
    let text = read_regular_text(file, MAX_SIZE).unwrap_or_default();
    let (root, syntax_errors) = tree::parse(&text);
    let mut diagnostics = Diagnostics::default();
    for mistake in found {
        let handler = mistake.handler.as_str();
        let table = child(&root, "handlers").and_then(|all| child(all, handler));
        let node = table.and_then(|table| child(table, mistake.key)).or(table);
        if let Some(node) = node {
            diagnostics.allow_quote(node);
        }
        let span = node.map_or(0..0, |node| node.span.clone());
        let message = format!("handler `{handler}`: {}", mistake.message);
        diagnostics.wrong_value(&span, message, ());
    }
    match diagnostics.finish(&text, file, &root, syntax_errors) {
        Err(mistakes) => mistakes,
        Ok(_) => Mistakes::of_file(file, "its handlers cannot be loaded".to_owned()),
    }
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(table) => table.get(name).map(|(_, node)| node),
        _ => None,
    }
}
