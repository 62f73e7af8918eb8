//! Secrets: from the environment, from files, or written in the manifest.
//!
//! No message here contains a value. No value here is marked as quotable, so quoted lines mask it.

use std::io::{self, Read};
use std::path::Path;

use tollgate_base::files::open_regular;
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

use super::context::Context;
use super::fields::Fields;
use super::node::{expected, path, plain_text, string};
use super::schema::TableSchema;
use crate::manifest::defaults::SECRET_FILE_LENGTH;
use crate::manifest::text::substitute::substitute;
use crate::manifest::text::tree::{Node, Span, Value};

const FILE: TableSchema = TableSchema {
    name: "a secret from a file",
    keys: &["file"],
    unsupported: &[],
    instead: &[],
};

const SOURCE_SECRET: TableSchema = TableSchema {
    name: "a secret",
    keys: &["value", "file", "expires"],
    unsupported: &[],
    instead: &[("env", "write value = \"${NAME}\"")],
};

const FORMS: &str =
    "write \"${NAME}\" for an environment variable, or { file = \"PATH\" } for a file";

/// A secret, and how it is written.
pub(crate) struct ReadSecret {
    pub(crate) secret: Secret,
    /// Whether a part of the secret is written in the manifest itself.
    pub(crate) literal: bool,
}

impl ReadSecret {
    /// Warns if a part of the secret is written in the manifest itself.
    pub(crate) fn warn_if_literal(&self, cx: &mut Context<'_>, at: &Span) {
        if self.literal {
            let message =
                "the manifest contains a secret; use an environment variable or a file instead";
            cx.diagnostics.warn(at, message);
        }
    }
}

/// The reason why a file cannot be a secret.
#[derive(Debug, thiserror::Error)]
enum SecretFileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A pipe could block, and a device would never end.
    #[error("the path is not a regular file")]
    NotAFile,
    #[error("the file is longer than {SECRET_FILE_LENGTH} bytes")]
    TooLong,
}

/// Reads a secret. `what` names it in messages. `None` if there is a mistake, or if the secret is
/// empty and may be empty: `"${NAME:-}"`.
pub(crate) fn secret(cx: &mut Context<'_>, node: &Node, what: &str) -> Option<ReadSecret> {
    match &node.value {
        Value::String(text) => from_text(cx, node, text, what),
        Value::Table(_) => {
            let fields = Fields::read(cx, node, &node.span, &FILE)?;
            let file = fields.need(cx, "file", "write { file = \"PATH\" }")?;
            from_file(cx, file, what)
        }
        _ => {
            expected(cx, node, what, "a string or a table", FORMS);
            None
        }
    }
}

/// Reads a source's secret, with the time when the secret expires if it has one:
/// `{ value = "${OLD}", expires = "…" }`.
pub(crate) fn source_secret(
    cx: &mut Context<'_>,
    node: &Node,
) -> Option<(ReadSecret, Option<WallTime>)> {
    const WHAT: &str = "a secret";
    if !matches!(node.value, Value::Table(_)) {
        return Some((secret(cx, node, WHAT)?, None));
    }
    let fields = Fields::read(cx, node, &node.span, &SOURCE_SECRET)?;
    let expires = expires(cx, &fields);
    let read = match (fields.get("value"), fields.get("file")) {
        (Some(value), None) => {
            let text = string(cx, value, "`value`")?;
            from_text(cx, value, text, WHAT)
        }
        (None, Some(file)) => from_file(cx, file, WHAT),
        (Some(_), Some(_)) => {
            let message = "a secret cannot have both `value` and `file`";
            cx.diagnostics
                .wrong_value(&node.span, message, "remove `value` or `file`");
            None
        }
        (None, None) => {
            let message = "a secret needs `value` or `file`";
            cx.diagnostics.wrong_context(&node.span, message, FORMS);
            None
        }
    };
    Some((read?, expires))
}

/// The time from which a secret no longer counts.
fn expires(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<WallTime> {
    const HELP: &str = "write a time such as \"2026-12-01T00:00:00Z\"";
    let node = fields.get("expires")?;
    cx.diagnostics.allow_quote(node);
    let read = match &node.value {
        Value::String(text) => rfc3339::parse(text),
        _ => {
            expected(cx, node, "`expires`", "a date and time in quotes", HELP);
            return None;
        }
    };
    if read.is_none() {
        let message = "`expires` is not a date and time with a time zone (RFC 3339)";
        cx.diagnostics.wrong_value(&node.span, message, HELP);
    }
    read
}

fn from_text(cx: &mut Context<'_>, node: &Node, text: &str, what: &str) -> Option<ReadSecret> {
    let done = match substitute(text, cx.env) {
        Ok(done) => done,
        Err(errors) => {
            for error in errors {
                cx.diagnostics
                    .wrong_value(&node.span, error.to_string(), error.help());
            }
            return None;
        }
    };
    if done.text.is_empty() {
        if !done.may_be_empty {
            cx.diagnostics
                .wrong_value(&node.span, format!("{what} is empty"), FORMS);
        }
        return None;
    }
    if done.text.trim() != done.text {
        let message = format!("{what} begins or ends with white space, which is part of the value");
        cx.diagnostics.warn(&node.span, message);
    }
    Some(ReadSecret {
        secret: Secret::new(done.text),
        literal: done.literal,
    })
}

fn from_file(cx: &mut Context<'_>, file: &Node, what: &str) -> Option<ReadSecret> {
    let text = plain_text(cx, file, "`file`")?;
    let path = cx.folder.join(path(cx, text, file, "`file`")?);
    let read = read_file(&path);
    // The file is watched even if it cannot be read, because that may change.
    if !cx.secret_files.contains(&path) {
        cx.secret_files.push(path.clone());
    }
    let mut bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{what} cannot be read from {}: {error}", path.display());
            cx.diagnostics.wrong_value(&file.span, message, ());
            return None;
        }
    };
    trim_newline(&mut bytes);
    if bytes.is_empty() {
        let message = format!("{what} is empty: the file {} is empty", path.display());
        cx.diagnostics.wrong_value(&file.span, message, ());
        return None;
    }
    if bytes.trim_ascii().len() != bytes.len() {
        let message = format!(
            "{what} begins or ends with white space in {}, which is part of the value",
            path.display()
        );
        cx.diagnostics.warn(&file.span, message);
    }
    Some(ReadSecret {
        secret: Secret::new(bytes),
        literal: false,
    })
}

/// The content of a regular file that is not longer than a secret can be.
fn read_file(path: &Path) -> Result<Vec<u8>, SecretFileError> {
    let file = open_regular(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => SecretFileError::NotAFile,
        _ => error.into(),
    })?;
    // The buffer never grows, because growing would leave a copy of the secret in memory.
    let mut bytes = Vec::with_capacity(SECRET_FILE_LENGTH as usize + 1);
    file.take(SECRET_FILE_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_FILE_LENGTH {
        return Err(SecretFileError::TooLong);
    }
    Ok(bytes)
}

/// Removes the newline that an editor adds at the end of a file.
fn trim_newline(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}
