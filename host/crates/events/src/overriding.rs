//! Replaces values of a sample by JSON pointers.

use tollgate_base::suggest::nearest;

use crate::node::Node;
use crate::template::inside;

/// A value to replace: a JSON pointer, and the new value as JSON or as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The JSON pointer. In a form or in a header-like body the field is `/NAME`.
    pub pointer: String,
    /// The value as JSON. What is no JSON is a text.
    pub value: String,
}

/// Why a value cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The text is no JSON pointer.
    #[error("`{0}` is no JSON pointer: write `/data/object/amount`")]
    Pointer(String),
    /// There is no such place in the body.
    #[error("the event has nothing at `{pointer}`{hint}")]
    Nowhere {
        /// The pointer as written.
        pointer: String,
        /// What there is in its place.
        hint: String,
    },
    /// The body is neither JSON nor a form.
    #[error("`{0}` cannot be replaced: the body of this event is neither JSON nor a form")]
    NoFields(String),
}

/// Replaces a value, or adds a member to an existing object. Returns a note about an added member,
/// because its name may be misspelt.
pub(crate) fn apply(body: &mut Node, change: &Override) -> Result<Option<String>, OverrideError> {
    let value = Node::read(&change.value).unwrap_or_else(|_| Node::Text(change.value.clone()));
    let steps = change.pointer.strip_prefix('/');
    let steps = steps.ok_or_else(|| OverrideError::Pointer(change.pointer.clone()))?;
    let steps: Vec<String> = steps.split('/').map(unescaped).collect();
    let (last, way) = steps.split_last().expect("a split text has a part");
    let mut place = inside(body);
    for step in way {
        let hint = hint(place, step);
        let next = child(place, step).ok_or_else(|| nowhere(change, hint))?;
        place = inside(next);
    }
    if let Some(old) = child(place, last) {
        *old = value;
        return Ok(None);
    }
    match place {
        Node::Object(members) => {
            let names = members.iter().map(|(name, _)| name.as_str());
            let hint = nearest(last, names).map(|name| format!(": did you mean `{name}`?"));
            members.push((last.clone(), value));
            let hint = hint.unwrap_or_default();
            Ok(Some(format!(
                "`{}` is new in this event{hint}",
                change.pointer
            )))
        }
        other => {
            let hint = hint(other, last);
            Err(nowhere(change, hint))
        }
    }
}

fn nowhere(change: &Override, hint: String) -> OverrideError {
    OverrideError::Nowhere {
        pointer: change.pointer.clone(),
        hint,
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn child<'n>(node: &'n mut Node, step: &str) -> Option<&'n mut Node> {
    match node {
        Node::Object(members) => {
            let found = members.iter_mut().find(|(name, _)| name == step);
            found.map(|(_, value)| value)
        }
        Node::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        Node::Text(_) | Node::Raw(_) => None,
    }
}

/// What there is where the step leads nowhere.
fn hint(node: &Node, step: &str) -> String {
    match node {
        Node::Object(members) => {
            let names = members.iter().map(|(name, _)| name.as_str());
            match nearest(step, names.clone()) {
                Some(name) => format!(": did you mean `{name}`?"),
                None => {
                    let names: Vec<_> = names.collect();
                    format!("; there are {}", names.join(", "))
                }
            }
        }
        Node::Array(items) => format!("; the list has {} items, counted from 0", items.len()),
        Node::Text(_) | Node::Raw(_) => format!("; `{step}` would be inside a plain value"),
    }
}
