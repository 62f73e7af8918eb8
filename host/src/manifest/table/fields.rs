//! The keys of one table.

use std::path::PathBuf;

use tollgate_base::suggest::nearest;

use super::context::Context;
use super::node::{expected, path, plain_text, string};
use super::schema::TableSchema;
use super::words::alternatives;
use crate::manifest::text::substitute::substitute;
use crate::manifest::text::tree::{Key, Node, Span, Table, Value};

/// The keys of one table.
pub(crate) struct Fields<'t> {
    table: &'t Table,
    /// The table's name in messages.
    name: &'static str,
    /// The caret's place for a missing key.
    at: Span,
}

/// The values of a key that takes one of several words.
pub(crate) type Variants<T> = &'static [(&'static str, T)];

impl<'t> Fields<'t> {
    /// The table in `node`. Reports keys that are not in the schema. `None` if `node` is no table.
    pub(crate) fn read(
        cx: &mut Context<'_>,
        node: &'t Node,
        at: &Span,
        schema: &TableSchema,
    ) -> Option<Self> {
        let fields = Self::open(cx, node, at, schema.name)?;
        for (key, _) in &fields.table.entries {
            if !schema.keys.contains(&key.name.as_str()) {
                schema.report_unknown_key(cx, key);
            }
        }
        Some(fields)
    }

    /// Like [`Fields::read`], for a table with any keys.
    pub(crate) fn open(
        cx: &mut Context<'_>,
        node: &'t Node,
        at: &Span,
        name: &'static str,
    ) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(cx, node, name, "a table", ());
            return None;
        };
        let at = at.clone();
        Some(Self { table, name, at })
    }

    /// Like [`Fields::read`], for a table that may be missing. A missing table and a value that is
    /// no table read as an empty table.
    pub(crate) fn section(
        cx: &mut Context<'_>,
        node: Option<&'t Node>,
        schema: &TableSchema,
    ) -> Self {
        static EMPTY: Table = Table {
            entries: Vec::new(),
        };
        let read = node.and_then(|node| {
            if !matches!(node.value, Value::Table(_)) {
                cx.diagnostics.allow_quote(node);
            }
            Self::read(cx, node, &node.span, schema)
        });
        read.unwrap_or(Self {
            table: &EMPTY,
            name: schema.name,
            at: 0..0,
        })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'t Node> {
        self.table.get(key).map(|(_, node)| node)
    }

    /// The keys with their values, in the order of the text.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'t (Key, Node)> + use<'t> {
        self.table.entries.iter()
    }

    /// The value of a key. Reports a missing key.
    pub(crate) fn need(&self, cx: &mut Context<'_>, key: &str, help: &str) -> Option<&'t Node> {
        let node = self.get(key);
        if node.is_none() {
            let message = format!("{} needs `{key}`", self.name);
            cx.diagnostics.wrong_context(&self.at, message, help);
        }
        node
    }

    /// A string without environment variables.
    pub(crate) fn text(&self, cx: &mut Context<'_>, key: &str) -> Option<(&'t str, &'t Node)> {
        let node = self.get(key)?;
        Some((plain_text(cx, node, &quoted(key))?, node))
    }

    /// A string with the values of its environment variables.
    pub(crate) fn substituted(
        &self,
        cx: &mut Context<'_>,
        key: &str,
    ) -> Option<(String, &'t Node)> {
        let node = self.get(key)?;
        // A value from the environment may be secret. The text in the manifest is not.
        cx.diagnostics.allow_quote(node);
        let text = string(cx, node, &quoted(key))?;
        match substitute(text, cx.env) {
            Ok(done) => Some((done.text, node)),
            Err(errors) => {
                for error in errors {
                    cx.diagnostics
                        .wrong_value(&node.span, error.to_string(), error.help());
                }
                None
            }
        }
    }

    /// A path, relative to the manifest's folder.
    pub(crate) fn path(&self, cx: &mut Context<'_>, key: &str) -> Option<(PathBuf, &'t Node)> {
        let (text, node) = self.text(cx, key)?;
        let path = path(cx, text, node, &quoted(key))?;
        Some((cx.folder.join(path), node))
    }

    /// The variant that the text names. `help` explains the variants; by default it lists them.
    pub(crate) fn variant<T: Copy>(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        variants: Variants<T>,
        help: Option<&str>,
    ) -> Option<T> {
        let (text, node) = self.text(cx, key)?;
        if let Some((_, value)) = variants.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
        let help = match (nearest(text, names.iter().copied()), help) {
            (_, Some(help)) => help.to_owned(),
            (Some(suggestion), None) => format!("did you mean \"{suggestion}\"?"),
            (None, None) => format!("write {}", alternatives(&names)),
        };
        let message = format!("`{key}` has no such value");
        cx.diagnostics.wrong_value(&node.span, message, help);
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, cx: &mut Context<'_>, key: &str, default: bool) -> bool {
        let Some(node) = self.get(key) else {
            return default;
        };
        cx.diagnostics.allow_quote(node);
        let Value::Boolean(value) = node.value else {
            expected(cx, node, &quoted(key), "true or false", ());
            return default;
        };
        value
    }

    /// The items of an array.
    pub(crate) fn array(&self, cx: &mut Context<'_>, key: &str, help: &str) -> Option<&'t [Node]> {
        let node = self.get(key)?;
        match &node.value {
            Value::Array(items) => Some(items),
            _ => {
                expected(cx, node, &quoted(key), "an array", help);
                None
            }
        }
    }
}

/// The key in backquotes.
pub(super) fn quoted(key: &str) -> String {
    format!("`{key}`")
}
