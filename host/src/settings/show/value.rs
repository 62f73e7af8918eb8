//! Values of settings, in the manifest's own words.

use serde_json::{Map, Value};
use tollgate_base::quantity::show_size;

/// Stands for a secret.
pub(super) const SECRET: &str = "***";

/// A table without the keys that have no value.
pub(super) fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let with_value = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    object(with_value)
}

pub(super) fn object(entries: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(entries.collect::<Map<_, _>>())
}

pub(super) fn text(value: &dyn std::fmt::Display) -> Option<Value> {
    Some(value.to_string().into())
}

pub(super) fn texts<'a, T: std::fmt::Display + 'a>(
    values: impl IntoIterator<Item = &'a T>,
) -> Value {
    values.into_iter().map(ToString::to_string).collect()
}

/// A size, in the manifest's own form.
pub(super) fn size(bytes: usize) -> Option<Value> {
    Some(show_size(bytes as u64).into())
}
