//! Readers for what providers write in more than one way.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default, such as an empty list. With `#[serde(default)]`, an absent
/// field is the default too.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads an empty text as "there is none". Adyen and PayPal send empty texts
/// for fields without a value.
pub(crate) fn empty_is_none<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}
