//! What the TOML says: a tree that remembers where each key and value stands.
//!
//! Reading goes through the parse tree rather than through serde, since serde stops at
//! the first mistake and a manifest's mistakes are to be shown all at once.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something stands: bytes of the text.
pub(super) type Span = Range<usize>;

/// A key where it was first written.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Span,
}

/// A value. The span of a table that has a header is the header's.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a value is. Numbers that do not fit their type are none.
#[derive(Debug)]
pub(super) enum Value {
    String(String),
    Integer(Option<i64>),
    Float(Option<f64>),
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
}

/// A table's entries in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<(Key, Node)>,
}

/// A place where the text is no TOML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) span: Span,
    pub(super) message: String,
}

impl Table {
    /// The key and the value that `name` has.
    pub(super) fn get(&self, name: &str) -> Option<(&Key, &Node)> {
        let (key, node) = self.entries.iter().find(|(key, _)| key.name == name)?;
        Some((key, node))
    }
}

impl Node {
    /// The value's type, as a message calls it.
    pub(super) fn type_name(&self) -> &'static str {
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

    /// Calls `visit` with every value below and including this one that holds no others.
    pub(super) fn leaves<'t>(&'t self, visit: &mut dyn FnMut(&'t Node)) {
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

/// Reads the text. With syntax errors the tree is what could be made of the rest; values
/// that are missing in the text then have an empty span.
pub(super) fn read(text: &str) -> (Node, Vec<SyntaxError>) {
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

// The parser bounds how deep values nest, and thereby the depth of this recursion.
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
