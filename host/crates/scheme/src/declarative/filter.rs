//! Changes of a value before it is signed: `{json:/amount|decimals:2}`.

use std::borrow::Cow;

use super::decimals;
use super::json_place::JsonPlace;
use super::syntax::SyntaxError;
use crate::hash::Hash;
use tollgate_base::json::{self, Plucked, PointerSet};

/// A change of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// ASCII letters in lower case.
    Lower,
    /// ASCII letters in upper case.
    Upper,
    /// The hash in hexadecimal.
    Hash(Hash),
    /// JSON without the white space between its parts.
    Minify,
    /// A text as JSON with its quotes; any other value as it is written.
    Json,
    /// A number with so many decimals.
    Decimals(u8),
    /// A number with the decimals of the currency at this pointer.
    DecimalsOf(JsonPlace),
}

impl Filter {
    /// The filter with this name and argument.
    pub(super) fn read(text: &str, pointers: &mut PointerSet) -> Result<Self, SyntaxError> {
        let unknown = || SyntaxError::Filter(text.to_owned());
        if let Some(argument) = text.strip_prefix("decimals:") {
            if argument.starts_with('/') {
                return Ok(Self::DecimalsOf(JsonPlace::new(argument, pointers)?));
            }
            let places = argument.parse().ok().filter(|places| *places <= 9);
            return places.map(Self::Decimals).ok_or_else(unknown);
        }
        Ok(match text {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "minify" => Self::Minify,
            "json" => Self::Json,
            _ => Self::Hash(Hash::named(text).ok_or_else(unknown)?),
        })
    }

    /// Whether the filter gives one text for many that are different values.
    pub(super) fn merges_texts(&self) -> bool {
        match self {
            Self::Lower | Self::Upper | Self::Decimals(_) | Self::DecimalsOf(_) => true,
            Self::Hash(_) | Self::Minify | Self::Json => false,
        }
    }

    /// The changed value. `is_text` says whether the value is a string in JSON. `json`
    /// are the values in the JSON of the body. `None` if the value cannot be changed so.
    pub(super) fn apply<'v>(
        &self,
        value: Cow<'v, [u8]>,
        is_text: bool,
        json: &[Option<Plucked<'_>>],
    ) -> Option<Cow<'v, [u8]>> {
        let places = match self {
            Self::Lower => return Some(value.to_ascii_lowercase().into()),
            Self::Upper => return Some(value.to_ascii_uppercase().into()),
            Self::Hash(hash) => return Some(hex::encode(hash.of(&[&value])).into_bytes().into()),
            Self::Minify => return Some(json::minified(&value).into()),
            Self::Json if !is_text => return Some(value),
            Self::Json => {
                let text = std::str::from_utf8(&value).ok()?;
                return serde_json::to_vec(text).ok().map(Cow::Owned);
            }
            Self::Decimals(places) => *places,
            Self::DecimalsOf(place) => {
                decimals::of_currency(json.get(place.slot)?.as_ref()?.as_text()?)
            }
        };
        let number = std::str::from_utf8(&value).ok()?;
        Some(decimals::rounded(number, places)?.into_bytes().into())
    }
}
