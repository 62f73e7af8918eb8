//! Where the values of settings come from: a line of the manifest, with the environment variables
//! or the file that the line names, or nowhere, which is the default.

use serde::Serialize;

use super::text::substitute;
use super::text::tree::{self, Node, Span, Value};

/// Where the values of a manifest come from.
pub(crate) struct Origins {
    text: String,
    root: Node,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    /// The line of the manifest, from 1.
    pub(crate) line: usize,
    /// The environment variables that the line names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) environment: Vec<String>,
    /// The file that the line names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

/// Keys that stand for another one: what the settings call by the second, a manifest may call by
/// the first.
const SHORT: [(&str, &str); 2] = [("admin_token", "admin_tokens"), ("cert", "certificates")];

impl Origins {
    /// The origins in the text of a manifest.
    pub(crate) fn of(text: String) -> Self {
        let (root, _) = tree::parse(&text);
        Self { text, root }
    }

    /// Where the setting at a path comes from; `None` if it is a default.
    ///
    /// A manifest may write several settings as one value, such as `dedup = "forever"`: then this
    /// value is where each comes from.
    pub(crate) fn find(&self, path: &[String]) -> Option<Origin> {
        let (mut node, mut place) = (&self.root, 0..0);
        for part in path {
            match &node.value {
                Value::Table(table) => {
                    let short = SHORT.iter().find(|(_, long)| long == part);
                    let short = || short.and_then(|(short, _)| table.get(short));
                    match table.get(part).or_else(short) {
                        Some((key, value)) => (node, place) = (value, key.span.clone()),
                        None if table.get("file").is_some() => break,
                        None => return None,
                    }
                }
                Value::Array(items) => match part.parse::<usize>().map(|at| items.get(at)) {
                    Ok(Some(item)) => (node, place) = (item, place_of(item, place)),
                    _ => break,
                },
                _ => break,
            }
        }
        Some(self.origin(node, &place))
    }

    /// How many items the manifest has at a path of an array.
    pub(crate) fn items(&self, path: &[String]) -> Option<usize> {
        let mut node = &self.root;
        for part in path {
            let Value::Table(table) = &node.value else {
                return None;
            };
            node = table.get(part)?.1;
        }
        match &node.value {
            Value::Array(items) => Some(items.len()),
            _ => None,
        }
    }

    fn origin(&self, node: &Node, place: &Span) -> Origin {
        let (mut environment, mut file) = (Vec::new(), None);
        match &node.value {
            Value::String(text) => environment = variables(text),
            Value::Table(table) => {
                let text = |key| match table.get(key) {
                    Some((
                        _,
                        Node {
                            value: Value::String(text),
                            ..
                        },
                    )) => Some(text),
                    _ => None,
                };
                file = text("file").cloned();
                environment = text("value")
                    .map(|text| variables(text))
                    .unwrap_or_default();
            }
            _ => {}
        }
        let before = self.text.get(..place.start).unwrap_or_default();
        Origin {
            line: before.matches('\n').count() + 1,
            environment,
            file,
        }
    }
}

/// The place of an item. A table with a header may have no place of its own.
fn place_of(item: &Node, of_array: Span) -> Span {
    match item.span.is_empty() {
        true => of_array,
        false => item.span.clone(),
    }
}

/// The environment variables that a text names.
fn variables(text: &str) -> Vec<String> {
    let references = substitute::references(text);
    let names = references.iter().map(|one| one.name(text).to_owned());
    names.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const TEXT: &str = r#"version = 1
[server]
listen = "0.0.0.0:80"
admin_token = { file = "token" }

[sources.stripe]
dedup = "forever"
secrets = [
    "${NEW}",
    { value = "${OLD:-}", expires = "2026-12-01T00:00:00Z" },
]
"#;

    fn origin(path: &str) -> Option<Origin> {
        let path: Vec<_> = path.split('/').map(str::to_owned).collect();
        Origins::of(TEXT.to_owned()).find(&path)
    }

    #[test]
    fn a_value_leads_to_its_line() {
        let plain = |line| Origin {
            line,
            environment: Vec::new(),
            file: None,
        };
        assert_eq!(origin("server/listen"), Some(plain(3)));
        assert_eq!(origin("server/admin"), None);
        assert_eq!(origin("ledger/url"), None);
        assert_eq!(origin("sources/stripe/dedup/keep"), Some(plain(7)));
    }

    #[test]
    fn a_secret_leads_to_its_variable_or_file() {
        let new = origin("sources/stripe/secrets/0/value").unwrap();
        assert_eq!((new.line, new.environment), (9, vec!["NEW".to_owned()]));
        let old = origin("sources/stripe/secrets/1").unwrap();
        assert_eq!((old.line, old.environment), (10, vec!["OLD".to_owned()]));
        let token = origin("server/admin_tokens/0/token").unwrap();
        assert_eq!((token.line, token.file.as_deref()), (4, Some("token")));
    }
}
