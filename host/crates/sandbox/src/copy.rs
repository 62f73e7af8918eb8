//! A copy of a handler's state, for runs that must not change the ledger.
//!
//! The copy is lazy. A [`Snapshot`] keeps each row that it has read, so that every reader sees the
//! same value. A [`StateCopy`] lays the writes of its runs over a snapshot, so that later runs see
//! them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::listing::Overlay;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{
    LedgerError, StateEntry, StateStore, StateWrite, Version, Versioned, counter_after,
};

/// Values by key. `None` means that the key was deleted.
pub type Written = BTreeMap<String, Option<Vec<u8>>>;

/// The arguments of a listing: prefix, after, limit.
type Listing = (String, Option<String>, u32);

/// The state of one handler. Each row has the value of its first read.
pub struct Snapshot {
    store: Arc<dyn StateStore>,
    handler: HandlerName,
    rows: Mutex<HashMap<String, Option<Vec<u8>>>>,
    listings: Mutex<HashMap<Listing, Vec<StateEntry>>>,
}

impl Snapshot {
    /// A snapshot of the handler's state in a ledger.
    pub fn new(store: Arc<dyn StateStore>, handler: HandlerName) -> Self {
        Self {
            store,
            handler,
            rows: Mutex::default(),
            listings: Mutex::default(),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        if let Some(row) = self.rows.lock().get(key) {
            return Ok(row.clone());
        }
        let row = self.store.state_get(&self.handler, key)?.value;
        self.rows.lock().insert(key.to_owned(), row.clone());
        Ok(row)
    }

    fn list(&self, listing: Listing) -> Result<Vec<StateEntry>, LedgerError> {
        if let Some(entries) = self.listings.lock().get(&listing) {
            return Ok(entries.clone());
        }
        let (prefix, after, limit) = &listing;
        let entries = self
            .store
            .state_list(&self.handler, prefix, after.as_deref(), *limit)?;
        self.listings.lock().insert(listing, entries.clone());
        Ok(entries)
    }
}

/// A state that begins as a snapshot and takes the writes of its own runs.
pub struct StateCopy {
    from: Arc<Snapshot>,
    /// The values that runs have written.
    written: Mutex<Written>,
}

impl StateCopy {
    /// A copy without writes.
    pub fn of(from: Arc<Snapshot>) -> Self {
        Self {
            from,
            written: Mutex::default(),
        }
    }

    pub(crate) fn get(&self, _: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        let written = self.written.lock().get(key).cloned();
        let value = match written {
            Some(value) => value,
            None => self.from.get(key)?,
        };
        let version = Version(i64::from(value.is_some()));
        Ok(Versioned { value, version })
    }

    pub(crate) fn list(
        &self,
        _: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        let overlay = Overlay::new(&self.written.lock(), prefix, after, limit);
        let rows =
            self.from
                .list((prefix.to_owned(), after.map(str::to_owned), overlay.fetch()))?;
        let entries = overlay.apply_to(rows, |_, value| Ok::<_, LedgerError>(value))?;
        Ok(entries
            .map(|(key, value)| StateEntry {
                key,
                value,
                version: Version(1),
            })
            .collect())
    }

    /// Applies the writes of a run. Returns the new value of each key, or `None` if an `add` meets
    /// a value that is no counter: then nothing is written.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn apply(&self, writes: &[(String, StateWrite)]) -> Result<Option<Written>, LedgerError> {
        let mut values = BTreeMap::new();
        for (key, write) in writes {
            let value = match write {
                StateWrite::Set(value) => Some(value.clone()),
                StateWrite::Delete => None,
                StateWrite::Add(delta) => {
                    let before = self.get(&self.from.handler, key)?.value;
                    match counter_after(before.as_deref(), *delta) {
                        Ok(sum) => Some(sum),
                        Err(_) => return Ok(None),
                    }
                }
            };
            values.insert(key.clone(), value);
        }
        self.written.lock().extend(values.clone());
        Ok(Some(values))
    }
}
