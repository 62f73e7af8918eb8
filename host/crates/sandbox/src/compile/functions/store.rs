//! The child's side: what wasmtime's compiler asks for each function.

use std::borrow::Cow;
use std::path::Path;

use parking_lot::Mutex;
use wasmtime::CacheStore;

use super::file::FunctionFile;
use super::key::{Key, key_of};
use super::learned::Learned;

/// The most bytes of new functions that are told.
const MOST_NEW: usize = 64 << 20;

/// The kept functions, and what is learned meanwhile.
#[derive(Debug)]
pub(in crate::compile) struct FunctionStore {
    kept: Option<FunctionFile>,
    learned: Mutex<(Learned, usize)>,
}

impl FunctionStore {
    /// Opens the file. Without one, every function is new.
    pub(in crate::compile) fn open(path: &Path) -> Self {
        Self {
            kept: FunctionFile::open(path).ok(),
            learned: Mutex::default(),
        }
    }

    /// What was used and compiled so far.
    pub(in crate::compile) fn take_learned(&self) -> Learned {
        std::mem::take(&mut self.learned.lock().0)
    }

    fn find(&self, key: &Key) -> Option<Vec<u8>> {
        let code = self.kept.as_ref()?.get(key)?;
        self.learned.lock().0.used.push(*key);
        Some(code)
    }
}

impl CacheStore for FunctionStore {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.find(&key_of(key)).map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let mut learned = self.learned.lock();
        learned.1 += value.len();
        if learned.1 > MOST_NEW {
            return false;
        }
        learned.0.new.push((key_of(key), value));
        true
    }
}
