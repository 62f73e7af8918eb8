//! Handlers' state: values by key, with versions.

use super::LedgerError;
use tollgate_base::event::HandlerName;

/// Reads the state of handlers. Writes are [effects](super::Effects) of a completion.
pub trait StateStore: Send + Sync + 'static {
    /// One value of a handler's state with its version.
    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError>;

    /// Entries of a handler's state whose keys begin with `prefix` and come after `after`, in
    /// byte order, `limit` at most.
    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError>;
}

/// The version of a state row. Each write changes the version; 0 means that the key is absent. A
/// key that was deleted and set again has a version that it never had before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Version(pub i64);

/// A value with its version; no value has version 0.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Versioned {
    /// The value, if the key is present.
    pub value: Option<Vec<u8>>,
    /// Its version.
    pub version: Version,
}

/// One entry of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Its version.
    pub version: Version,
}
