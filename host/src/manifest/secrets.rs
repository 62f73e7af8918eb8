//! Secrets: from the environment, from files, or written out.
//!
//! No message here holds a value, and no value here is marked as plain, so that quoted
//! lines hide them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::defaults::SECRET_FILE_LENGTH;
use super::fields::{Context, Fields, Keys, expected, path, plain_text, string};
use super::raw::{Node, Value};
use super::substitute::substitute;
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

const FILE: Keys = Keys {
    of: "a secret from a file",
    known: &["file"],
    unsupported: &[],
    instead: &[],
};

const OF_SOURCE: Keys = Keys {
    of: "a secret",
    known: &["value", "file", "expires"],
    unsupported: &[],
    instead: &[("env", "write value = \"${NAME}\"")],
};

const FORMS: &str = "write \"${NAME}\" to take it from the environment, or { file = \"PATH\" }";

/// A secret that was read, and how it was written.
pub(super) struct Given {
    pub(super) secret: Secret,
    /// Whether part of it stands in the manifest itself.
    pub(super) literal: bool,
}

/// Reads a secret that `what` names in messages. None if there is a mistake, or if it is
/// empty and was written as one that may be: `"${NAME:-}"`.
pub(super) fn secret(cx: &mut Context<'_>, node: &Node, what: &str) -> Option<Given> {
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

/// Reads a source's secret, which may end at a time: `{ value = "${OLD}", expires = "…" }`.
pub(super) fn of_source(cx: &mut Context<'_>, node: &Node) -> Option<(Given, Option<WallTime>)> {
    const WHAT: &str = "a secret";
    if !matches!(node.value, Value::Table(_)) {
        return Some((secret(cx, node, WHAT)?, None));
    }
    let fields = Fields::read(cx, node, &node.span, &OF_SOURCE)?;
    let expires = expires(cx, &fields);
    let given = match (fields.get("value"), fields.get("file")) {
        (Some(value), None) => {
            let text = string(cx, value, "`value`")?;
            from_text(cx, value, text, WHAT)
        }
        (None, Some(file)) => from_file(cx, file, WHAT),
        (Some(_), Some(_)) => {
            let message = "a secret has either `value` or `file`";
            cx.report
                .wrong(&node.span, message, "leave one of them out");
            None
        }
        (None, None) => {
            let message = "a secret needs `value` or `file`";
            cx.report.amiss(&node.span, message, FORMS);
            None
        }
    };
    Some((given?, expires))
}

/// The time from which a secret counts no more.
fn expires(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<WallTime> {
    const FORM: &str = "write such as \"2026-12-01T00:00:00Z\"";
    let node = fields.get("expires")?;
    cx.report.plain(node);
    let read = match &node.value {
        Value::String(text) => rfc3339::parse(text),
        _ => {
            expected(cx, node, "`expires`", "a date and time in quotes", FORM);
            return None;
        }
    };
    if read.is_none() {
        let message = "`expires` is not a date and time with its zone (RFC 3339)";
        cx.report.wrong(&node.span, message, FORM);
    }
    read
}

fn from_text(cx: &mut Context<'_>, node: &Node, text: &str, what: &str) -> Option<Given> {
    let done = match substitute(text, cx.env) {
        Ok(done) => done,
        Err(errors) => {
            for error in errors {
                cx.report.wrong(&node.span, error.to_string(), error.help());
            }
            return None;
        }
    };
    if done.text.is_empty() {
        if !done.may_be_empty {
            cx.report
                .wrong(&node.span, format!("{what} is empty"), FORMS);
        }
        return None;
    }
    if done.text.trim() != done.text {
        let message = format!("{what} has white space around it, which counts as part of it");
        cx.report.warn(&node.span, message);
    }
    Some(Given {
        secret: Secret::new(done.text),
        literal: done.literal,
    })
}

fn from_file(cx: &mut Context<'_>, file: &Node, what: &str) -> Option<Given> {
    let text = plain_text(cx, file, "`file`")?;
    let path = cx.folder.join(path(cx, text, file, "`file`")?);
    let read = read_file(&path);
    // Watched even where it cannot be read, since that may be what changes.
    if !cx.secret_files.contains(&path) {
        cx.secret_files.push(path.clone());
    }
    let mut bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{what} cannot be read from {}: {error}", path.display());
            cx.report.wrong(&file.span, message, ());
            return None;
        }
    };
    trim_newline(&mut bytes);
    if bytes.is_empty() {
        let message = format!("{what} is empty: there is nothing in {}", path.display());
        cx.report.wrong(&file.span, message, ());
        return None;
    }
    if bytes.trim_ascii().len() != bytes.len() {
        let message = format!(
            "{what} has white space around it in {}, which counts as part of it",
            path.display()
        );
        cx.report.warn(&file.span, message);
    }
    Some(Given {
        secret: Secret::new(bytes),
        literal: false,
    })
}

/// Reads a file, unless it is longer than a secret can be or not a regular file: a pipe
/// could block, a device would never end.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // At once, so that no shorter copy is left behind unwiped.
    let mut bytes = Vec::with_capacity(SECRET_FILE_LENGTH as usize + 1);
    File::open(path)?
        .take(SECRET_FILE_LENGTH + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_FILE_LENGTH {
        let message = format!("it is longer than {SECRET_FILE_LENGTH} bytes");
        return Err(io::Error::other(message));
    }
    Ok(bytes)
}

/// Editors end files with a newline that is no part of the secret.
fn trim_newline(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}
