//! A run's view of its handler's state: the committed rows with the run's own writes over them.
//! Records each read with its version, so that the commit can check it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::copy::StateCopy;
use crate::listing::{self, Overlay};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{
    LedgerError, Read, StateEntry, StateStore, StateWrite, Version, Versioned, counter_after,
};

/// The longest key of state or schedule, in bytes.
pub const MAX_KEY: usize = 512;
/// The most entries that one listing returns.
pub(crate) const MAX_LIST: u32 = 1000;

/// Why a call on state failed.
#[derive(Debug)]
pub(crate) enum StateError {
    /// The key is empty or too long.
    InvalidKey,
    /// The value, or the sum, is no decimal 64-bit integer.
    NotACounter,
    /// The ledger failed. The run must end.
    Ledger(LedgerError),
}

impl From<LedgerError> for StateError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The committed state that a run reads.
#[derive(Clone)]
pub enum StateSource {
    /// The state in the ledger.
    Ledger(Arc<dyn StateStore>),
    /// These values by key, for a component that is tried out.
    Given(Arc<BTreeMap<String, Vec<u8>>>),
    /// A copy of the state in a ledger, for runs that must not change the ledger.
    Copy(Arc<StateCopy>),
}

impl StateSource {
    fn get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        match self {
            Self::Ledger(ledger) => ledger.state_get(handler, key),
            Self::Copy(copy) => copy.get(handler, key),
            Self::Given(state) => {
                Ok(state
                    .get(key)
                    .map_or_else(Versioned::default, |value| Versioned {
                        value: Some(value.clone()),
                        version: Version(1),
                    }))
            }
        }
    }

    fn list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        match self {
            Self::Ledger(ledger) => ledger.state_list(handler, prefix, after, limit),
            Self::Copy(copy) => copy.list(handler, prefix, after, limit),
            Self::Given(state) => Ok(listing::below(state, prefix, after)
                .take(limit as usize)
                .map(|(key, value)| StateEntry {
                    key: key.clone(),
                    value: value.clone(),
                    version: Version(1),
                })
                .collect()),
        }
    }
}

/// The state as one run sees it.
pub(crate) struct StateView {
    source: StateSource,
    handler: HandlerName,
    /// The rows that the run has read. A second read sees the same row.
    read: BTreeMap<String, Versioned>,
    listings: Vec<Read>,
    writes: BTreeMap<String, StateWrite>,
}

/// The value of a counter after an `add`.
fn added(before: Option<&[u8]>, delta: i64) -> Result<Vec<u8>, StateError> {
    counter_after(before, delta).map_err(|_| StateError::NotACounter)
}

fn check_key(key: &str) -> Result<(), StateError> {
    if key.is_empty() || key.len() > MAX_KEY {
        Err(StateError::InvalidKey)
    } else {
        Ok(())
    }
}

impl StateView {
    pub(crate) fn new(source: StateSource, handler: HandlerName) -> Self {
        Self {
            source,
            handler,
            read: BTreeMap::new(),
            listings: Vec::new(),
            writes: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        check_key(key)?;
        match self.writes.get(key) {
            Some(StateWrite::Set(value)) => Ok(Some(value.clone())),
            Some(StateWrite::Delete) => Ok(None),
            Some(&StateWrite::Add(delta)) => {
                added(self.row(key)?.value.as_deref(), delta).map(Some)
            }
            None => Ok(self.row(key)?.value.clone()),
        }
    }

    fn row(&mut self, key: &str) -> Result<&Versioned, StateError> {
        if !self.read.contains_key(key) {
            let row = self.source.get(&self.handler, key)?;
            self.read.insert(key.to_owned(), row);
        }
        Ok(&self.read[key])
    }

    pub(crate) fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), StateError> {
        check_key(&key)?;
        self.writes.insert(key, StateWrite::Set(value));
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: String) -> Result<(), StateError> {
        check_key(&key)?;
        self.writes.insert(key, StateWrite::Delete);
        Ok(())
    }

    pub(crate) fn add(&mut self, key: String, delta: i64) -> Result<(), StateError> {
        check_key(&key)?;
        let write = match self.writes.get(&key) {
            None => StateWrite::Add(delta),
            Some(&StateWrite::Add(before)) => {
                let sum = before.checked_add(delta);
                StateWrite::Add(sum.ok_or(StateError::NotACounter)?)
            }
            Some(StateWrite::Delete) => StateWrite::Set(delta.to_string().into_bytes()),
            Some(StateWrite::Set(value)) => StateWrite::Set(added(Some(value), delta)?),
        };
        self.writes.insert(key, write);
        Ok(())
    }

    pub(crate) fn list(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let limit = limit.min(MAX_LIST);
        let overlay = Overlay::new(&self.writes, prefix, after, limit);
        let fetch = overlay.fetch();
        let rows = self.source.list(&self.handler, prefix, after, fetch)?;
        self.listings.push(Read::List {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit: fetch,
            seen: rows
                .iter()
                .map(|row| (row.key.clone(), row.version))
                .collect(),
        });
        let entries = overlay.apply_to(rows, |before, write| match write {
            StateWrite::Set(value) => Ok(Some(value)),
            StateWrite::Delete => Ok(None),
            StateWrite::Add(delta) => added(before, delta).map(Some),
        });
        entries.map(Iterator::collect)
    }

    /// The reads to check at the commit, and the writes.
    pub(crate) fn finish(self) -> (Vec<Read>, Vec<(String, StateWrite)>) {
        let keys = self.read.into_iter().map(|(key, row)| Read::Key {
            key,
            version: row.version,
        });
        (
            keys.chain(self.listings).collect(),
            self.writes.into_iter().collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(rows: &[(&str, &str)]) -> StateView {
        let rows = rows
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
            .collect();
        StateView::new(StateSource::Given(Arc::new(rows)), HandlerName::new("h"))
    }

    fn keys(list: Vec<(String, Vec<u8>)>) -> Vec<String> {
        list.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_run_sees_its_own_writes() {
        let mut view = view(&[("n", "41")]);
        view.add("n".into(), 1).unwrap();
        assert_eq!(view.get("n").unwrap().unwrap(), b"42");
        view.set("n".into(), b"x".to_vec()).unwrap();
        assert!(matches!(
            view.add("n".into(), 1),
            Err(StateError::NotACounter)
        ));
        view.delete("n".into()).unwrap();
        assert_eq!(view.get("n").unwrap(), None);
        view.add("n".into(), 7).unwrap();
        assert_eq!(view.get("n").unwrap().unwrap(), b"7");
    }

    #[test]
    fn a_blind_add_is_no_read() {
        let mut view = view(&[]);
        view.add("n".into(), 1).unwrap();
        let (reads, writes) = view.finish();
        assert!(reads.is_empty());
        assert_eq!(writes, [("n".to_owned(), StateWrite::Add(1))]);
    }

    #[test]
    fn an_absent_key_is_a_read() {
        let mut view = view(&[]);
        assert_eq!(view.get("a").unwrap(), None);
        let (reads, _) = view.finish();
        assert_eq!(
            reads,
            [Read::Key {
                key: "a".into(),
                version: Version(0)
            }]
        );
    }

    #[test]
    fn a_listing_merges_writes_in_order() {
        let mut view = view(&[("a/1", ""), ("a/3", ""), ("a/5", ""), ("b", "")]);
        view.set("a/2".into(), vec![]).unwrap();
        view.delete("a/3".into()).unwrap();
        assert_eq!(
            keys(view.list("a/", None, 10).unwrap()),
            ["a/1", "a/2", "a/5"]
        );
        assert_eq!(keys(view.list("a/", None, 2).unwrap()), ["a/1", "a/2"]);
        assert_eq!(keys(view.list("a/", Some("a/2"), 2).unwrap()), ["a/5"]);
    }

    #[test]
    fn pages_of_a_listing_leave_nothing_out() {
        let mut view = view(&[("a", ""), ("c", ""), ("e", ""), ("g", "")]);
        for key in ["b", "d", "f", "z"] {
            view.set(key.into(), vec![]).unwrap();
        }
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = keys(view.list("", after.as_deref(), 2).unwrap());
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            seen.extend(page);
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e", "f", "g", "z"]);
    }

    #[test]
    fn keys_have_bounds() {
        let mut view = view(&[]);
        assert!(matches!(view.get(""), Err(StateError::InvalidKey)));
        assert!(matches!(
            view.set("k".repeat(513), vec![]),
            Err(StateError::InvalidKey)
        ));
        assert!(view.set("k".repeat(512), vec![]).is_ok());
    }
}
