//! Fills a template: placeholders such as `{{customer}}`, members of shared parts, and what is
//! wrapped into a string.
//!
//! - `"{{name}}"` alone is the value of the name, of whatever type; within a longer string it is
//!   the value's text.
//! - `{{name|filter}}` writes the value in another form: see [`filtered`]. Filters follow one
//!   another.
//! - `"..."` as a member's name takes over the members of an object, or of an array of objects.
//!   Members that follow replace those of the same name; the value `"{{-}}"` takes one away.
//! - `{"$text": …}` is a string with the JSON text of a value, `{"$base64": …}` the same in base64.
//! - `{"$version": [["2025-03-31", …], ["", …]]}` is the first value whose API version has come.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::moment;
use crate::node::Node;

/// Why a template cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder has no value.
    #[error("the template names `{0}`, which has no value")]
    Unknown(String),
    /// A filter is unknown, or does not fit its value.
    #[error("the template's filter `{0}` does not fit its value")]
    Filter(String),
    /// A pattern of a value cannot be read.
    #[error("no value can be drawn from {0}")]
    Pattern(String),
    /// A part of the template has another shape than its place needs.
    #[error("the template has no {0} where it needs one")]
    Shape(&'static str),
}

impl TemplateError {
    pub(crate) fn pattern(pattern: &Node) -> Self {
        Self::Pattern(pattern.to_string())
    }
}

/// What a template takes its values from.
pub(crate) trait Values {
    /// The value of a name, filled already.
    fn value(&mut self, name: &str) -> Result<Node, TemplateError>;

    /// The provider's API version. Empty if the provider has none.
    fn version(&self) -> &str;
}

/// The value of `"{{-}}"`: the member goes away.
const DROPPED: &str = "-";
const SPREAD: &str = "...";
const VERSION: &str = "$version";

/// The template with its values. What is wrapped is not wrapped yet, so that it can be changed.
pub(crate) fn fill(template: &Node, values: &mut dyn Values) -> Result<Node, TemplateError> {
    match template {
        Node::Object(members) => match versions(members) {
            Some(choices) => fill(choice(choices, values.version())?, values),
            None => object(members, values),
        },
        Node::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| fill(item, values)).collect();
            Ok(Node::Array(items?))
        }
        Node::Text(text) => match placeholder(text) {
            Some(name) => named(name, values),
            None => filled_text(text, values).map(Node::Text),
        },
        Node::Raw(_) => Ok(template.clone()),
    }
}

/// The choices of `{"$version": […]}`.
fn versions(members: &[(String, Node)]) -> Option<&[Node]> {
    match members {
        [(name, Node::Array(choices))] if name == VERSION => Some(choices),
        _ => None,
    }
}

/// The first choice whose version has come. Versions are dates, so they compare as texts.
fn choice<'n>(choices: &'n [Node], version: &str) -> Result<&'n Node, TemplateError> {
    let mut pairs = choices.iter().filter_map(|pair| match pair {
        Node::Array(pair) => Some((pair.first()?.as_text()?, pair.get(1)?)),
        _ => None,
    });
    let found = pairs.find(|(since, _)| version >= *since);
    let (_, node) = found.ok_or(TemplateError::Shape("value for this API version"))?;
    Ok(node)
}

fn object(members: &[(String, Node)], values: &mut dyn Values) -> Result<Node, TemplateError> {
    let mut filled = Vec::with_capacity(members.len());
    for (name, value) in members {
        if matches!(value, Node::Text(text) if placeholder(text) == Some(DROPPED)) {
            filled.retain(|(known, _)| known != name);
            continue;
        }
        let value = fill(value, values)?;
        if name != SPREAD {
            Node::set(&mut filled, name, value);
            continue;
        }
        let objects = match value {
            Node::Array(objects) => objects,
            object => vec![object],
        };
        for object in objects {
            let Node::Object(members) = object else {
                return Err(TemplateError::Shape("object after `...`"));
            };
            for (name, value) in members {
                Node::set(&mut filled, &name, value);
            }
        }
    }
    Ok(Node::Object(filled))
}

/// The name in a text that is one placeholder and nothing else.
fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!name.contains("{{")).then_some(name)
}

/// A text with the values of its placeholders.
pub(crate) fn filled_text(text: &str, values: &mut dyn Values) -> Result<String, TemplateError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(TemplateError::Shape("`}}`"))?;
        filled.push_str(before);
        let value = named(name, values)?;
        filled.push_str(value.as_text().ok_or(TemplateError::Shape("plain value"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The value of a name with its filter.
fn named(expression: &str, values: &mut dyn Values) -> Result<Node, TemplateError> {
    match expression.split_once('|') {
        Some((name, filters)) => {
            let unfit = |filter: &str| TemplateError::Filter(filter.to_owned());
            let value = values.value(name)?;
            filters.split('|').try_fold(value, |value, filter| {
                filtered(&value, filter).ok_or_else(|| unfit(filter))
            })
        }
        None if expression.starts_with("now") => named(&format!("{expression}|secs"), values),
        None => values.value(expression),
    }
}

/// A value in another form:
///
/// - `text`: as a string; `number`: a string of digits as a number
/// - `major`: an amount of cents as a number with two decimals; `major_text`: the same as a string;
///   `whole`: without decimals
/// - `upper`, `lower`: in capitals or small letters
/// - a form of [`moment::written`], for a time
fn filtered(value: &Node, filter: &str) -> Option<Node> {
    let text = value.as_text()?;
    let cents = || text.parse::<u64>().ok();
    let major = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
    Some(match filter {
        "text" => Node::Text(text.to_owned()),
        "number" => Node::number(text.parse::<u64>().ok()?),
        "major" => Node::Raw(major(cents()?)),
        "major_text" => Node::Text(major(cents()?)),
        "whole" => Node::number(cents()? / 100),
        "upper" => Node::Text(text.to_ascii_uppercase()),
        "lower" => Node::Text(text.to_ascii_lowercase()),
        form => {
            let millis = text.parse().ok()?;
            moment::written(tollgate_base::time::WallTime::from_millis(millis), form)?
        }
    })
}

/// The tree with everything wrapped that its template wraps.
pub(crate) fn wrapped(node: Node) -> Node {
    match node {
        Node::Object(mut members) => match wrapper(&members) {
            Some(wrapper) => {
                let inner = members.pop().map(|(_, inner)| wrapped(inner).to_string());
                let inner = inner.unwrap_or_default();
                Node::Text(match wrapper {
                    Wrapper::Text => inner,
                    Wrapper::Base64 => STANDARD.encode(inner),
                })
            }
            None => {
                let wrap = |(name, value)| (name, wrapped(value));
                Node::Object(members.into_iter().map(wrap).collect())
            }
        },
        Node::Array(items) => Node::Array(items.into_iter().map(wrapped).collect()),
        plain => plain,
    }
}

/// A form in which a string holds JSON.
#[derive(Clone, Copy)]
enum Wrapper {
    Text,
    Base64,
}

fn wrapper(members: &[(String, Node)]) -> Option<Wrapper> {
    match members {
        [(name, _)] if name == "$text" => Some(Wrapper::Text),
        [(name, _)] if name == "$base64" => Some(Wrapper::Base64),
        _ => None,
    }
}

/// The value that is inside a wrapper, or the value itself.
pub(crate) fn inside(node: &mut Node) -> &mut Node {
    let is_wrapped = matches!(node, Node::Object(members) if wrapper(members).is_some());
    if is_wrapped && let Node::Object(members) = node {
        return &mut members[0].1;
    }
    node
}
