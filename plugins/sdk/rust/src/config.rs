//! The handler's own settings: its `config` table in the manifest.

use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::{Error, host};

/// Returns the value of a key, or `None` if the table does not contain the key. A string arrives
/// unchanged, every other value as its JSON text.
pub fn get(key: &str) -> Option<String> {
    host::config_get(key)
}

/// Returns the value of a key, or an error if the value is missing or empty.
pub fn require(key: &str) -> Result<String, Error> {
    get(key)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| unfit(key, "it is not set".into()))
}

/// Returns the value of a key, parsed as a number, a flag or another type; `None` if the table
/// does not contain the key.
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(unfit(key, format!("{value:?} cannot be read"))),
    }
}

/// Returns the value of a key that is an array or a table, read from its JSON text; `None` if
/// the table does not contain the key.
pub fn json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key) else {
        return Ok(None);
    };
    serde_json::from_str(&value)
        .map(Some)
        .map_err(|e| unfit(key, e.to_string()))
}

/// Returns all pairs of key and value, sorted by key.
pub fn entries() -> Vec<(String, String)> {
    host::config_entries()
}

fn unfit(key: &str, problem: String) -> Error {
    Error::Config {
        key: key.into(),
        problem,
    }
}
