//! Durable keys and values that belong to this handler alone.
//!
//! A handler sees its own writes at once; nobody else sees them before the
//! delivery's commit. State is serializable: if anything that was read (absent
//! keys and listings too) has changed by the commit, the handler is run anew.
//! Values are JSON, unless the functions on bytes are used.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StateProblem;
use crate::{Error, host};

/// Entries asked for at a time while a listing is read whole.
const PAGE: u32 = 256;

/// The value of a key; none where there is none.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    match get_bytes(key)? {
        Some(bytes) => decode(key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Sets a key.
pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Error::state(key, StateProblem::Value(e.to_string())))?;
    set_bytes(key, bytes)
}

/// Whether a key has a value.
pub fn contains(key: &str) -> Result<bool, Error> {
    Ok(get_bytes(key)?.is_some())
}

/// Removes a key; removing an absent one is fine.
pub fn delete(key: &str) -> Result<(), Error> {
    host::state_delete(key).map_err(|problem| Error::state(key, problem))
}

/// All entries whose keys begin with `prefix`, in byte order of their keys.
pub fn list<T: DeserializeOwned>(prefix: &str) -> Result<Vec<(String, T)>, Error> {
    let mut entries = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = list_bytes(prefix, after.as_deref(), PAGE)?;
        let last = page.len() < PAGE as usize;
        after = page.last().map(|(key, _)| key.clone());
        for (key, bytes) in page {
            let value = decode(&key, &bytes)?;
            entries.push((key, value));
        }
        if last {
            return Ok(entries);
        }
    }
}

/// Adds to a counter without reading it, so that it never conflicts with other
/// deliveries. An absent key counts as 0.
pub fn add(key: &str, delta: i64) -> Result<(), Error> {
    host::state_add(key, delta).map_err(|problem| Error::state(key, problem))
}

/// The value of a counter. Reading it, unlike adding to it, may conflict.
pub fn counter(key: &str) -> Result<i64, Error> {
    Ok(get(key)?.unwrap_or(0))
}

/// The bytes of a key; none where there is none.
pub fn get_bytes(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::state_get(key).map_err(|problem| Error::state(key, problem))
}

/// Sets a key to bytes.
pub fn set_bytes(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    host::state_set(key, value.as_ref()).map_err(|problem| Error::state(key, problem))
}

/// The entries whose keys begin with `prefix` and come after the key `after`, in
/// byte order of their keys, `limit` at most.
pub fn list_bytes(
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    host::state_list(prefix, after, limit).map_err(|problem| Error::state(prefix, problem))
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| Error::state(key, StateProblem::Value(e.to_string())))
}
