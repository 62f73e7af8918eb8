//! The TOML text as a tree. The tree remembers the place of each key and value.
//!
//! The tree comes from the TOML parser's own tree and not from serde. Serde stops at the first
//! mistake, and `tollgate check` shows all mistakes at once.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in the text, in bytes.
pub(crate) type Span = Range<usize>;

/// A key, with the place of its first use.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// A value. The span of a table with a header is the span of the header.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// The content of a value. A number that does not fit its type is `None`.
#[derive(Debug)]
pub(crate) enum Value {
    String(String),
    Integer(Option<i64>),
    Float(Option<f64>),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
}

/// The entries of a table, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<(Key, Node)>,
}

/// A syntax error of the TOML text.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

impl Table {
    /// The entry with the name `name`.
    pub(crate) fn get(&self, name: &str) -> Option<(&Key, &Node)> {
        let (key, node) = self.entries.iter().find(|(key, _)| key.name == name)?;
        Some((key, node))
    }
}

impl Node {
    /// The name of the value's type, for a message.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime => "a date or time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// Calls `visit` with each value in this tree that is no array and no table.
    pub(crate) fn leaves<'t>(&'t self, visit: &mut dyn FnMut(&'t Node)) {
        match &self.value {
            Value::Array(items) => items.iter().for_each(|item| item.leaves(visit)),
            Value::Table(table) => table
                .entries
                .iter()
                .for_each(|(_, node)| node.leaves(visit)),
            _ => visit(self),
        }
    }
}

/// The tree of a text, and its syntax errors. With syntax errors the tree contains the parts that
/// could be read. A value that is missing in the text then has an empty span.
pub(crate) fn parse(text: &str) -> (Node, Vec<SyntaxError>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = Node {
        span: 0..0,
        value: Value::Table(table(root.get_ref())),
    };
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
        })
        .collect();
    (root, errors)
}

// The parser limits how deep values nest. So this recursion is limited too.
fn table(raw: &DeTable<'_>) -> Table {
    let mut entries: Vec<_> = raw
        .iter()
        .map(|(key, value)| {
            let key = Key {
                name: key.get_ref().to_string(),
                span: key.span(),
            };
            (key, node(value))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Table { entries }
}

fn node(raw: &Spanned<DeValue<'_>>) -> Node {
    let value = match raw.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(items) => Value::Array(items.iter().map(node).collect()),
        DeValue::Table(entries) => Value::Table(table(entries)),
    };
    Node {
        span: raw.span(),
        value,
    }
}
