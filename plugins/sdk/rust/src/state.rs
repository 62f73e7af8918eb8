//! Durable keys and values that belong to this handler alone. Values are JSON; the functions with
//! `bytes` in their names take any bytes.
//!
//! A handler sees its own writes at once. Other runs see them after the delivery's commit. State is
//! serializable: the commit checks everything that the run read, absent keys and listings included.
//! If any of it has changed, the gateway runs the handler again from the start.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StateProblem;
use crate::{Error, host};

/// Entries that [`list`] asks for at a time.
const PAGE: u32 = 256;

/// Returns the value of a key, or `None` if the key is absent.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    match get_bytes(key)? {
        Some(bytes) => decode(key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Sets the value of a key.
pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Error::state(key, StateProblem::Value(e.to_string())))?;
    set_bytes(key, bytes)
}

/// Returns true if a key has a value.
pub fn contains(key: &str) -> Result<bool, Error> {
    Ok(get_bytes(key)?.is_some())
}

/// Removes a key. An absent key is no error.
pub fn delete(key: &str) -> Result<(), Error> {
    host::state_delete(key).map_err(|problem| Error::state(key, problem))
}

/// Returns all entries whose keys begin with `prefix`, in byte order of their keys.
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

/// Adds to a counter. The call does not read the counter, so it never conflicts with other
/// deliveries. An absent key counts as 0.
pub fn add(key: &str, delta: i64) -> Result<(), Error> {
    host::state_add(key, delta).map_err(|problem| Error::state(key, problem))
}

/// Returns the value of a counter; 0 if the key is absent. Unlike [`add`], this read may conflict
/// with other deliveries.
pub fn counter(key: &str) -> Result<i64, Error> {
    Ok(get(key)?.unwrap_or(0))
}

/// Returns the bytes of a key, or `None` if the key is absent.
pub fn get_bytes(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::state_get(key).map_err(|problem| Error::state(key, problem))
}

/// Sets a key to bytes.
pub fn set_bytes(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    host::state_set(key, value.as_ref()).map_err(|problem| Error::state(key, problem))
}

/// Returns the entries whose keys begin with `prefix` and come after the key `after`, in byte order
/// of their keys: at most `limit`.
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
