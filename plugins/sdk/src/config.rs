//! The handler's `config` table in the manifest.

use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::{Error, host};

/// The value of a key; none where the manifest does not set it. A string is given
/// as it is, every other value as JSON.
pub fn get(key: &str) -> Option<String> {
    host::config_get(key)
}

/// The value of a key that the handler cannot do without.
pub fn require(key: &str) -> Result<String, Error> {
    get(key)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| unfit(key, "it is not set".into()))
}

/// The value of a key, parsed: a number, a flag, an address; none where it is not set.
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(unfit(key, format!("{value:?} cannot be read"))),
    }
}

/// The value of a key that is an array or a table, from its JSON; none where it is not set.
pub fn json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key) else {
        return Ok(None);
    };
    serde_json::from_str(&value)
        .map(Some)
        .map_err(|e| unfit(key, e.to_string()))
}

/// Every key with its value, sorted by key.
pub fn entries() -> Vec<(String, String)> {
    host::config_entries()
}

fn unfit(key: &str, problem: String) -> Error {
    Error::Config {
        key: key.into(),
        problem,
    }
}
