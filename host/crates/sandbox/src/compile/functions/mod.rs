//! Compiled functions, kept so that a changed component compiles only what changed.
//!
//! Components of one language have most of their functions in common: its interpreter and its
//! standard library. wasmtime's compiler can look each function up by a hash of what goes into its
//! code. The gateway keeps these functions in one file beside the compiled components. The child
//! that compiles reads the file and tells the gateway which functions it used and which are new.
//! The gateway alone writes the file, so a child cannot change what is in there.
//!
//! To use compiled code is to trust it, as for whole components: the file must belong to the
//! gateway's user, and nobody else may write to it. Each function has a checksum.

mod file;
mod key;
mod learned;
mod store;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tollgate_base::files::{is_ours_alone, write_private};

pub(super) use learned::Learned;
pub(super) use store::FunctionStore;

use file::{Entry, FunctionFile};

/// The most bytes of all functions. The functions of one language take 6 to 30 MB.
const MOST: usize = if cfg!(debug_assertions) {
    96 << 20
} else {
    128 << 20
};

/// The smallest file of a component, in bytes, that is compiled with the kept functions. Smaller
/// ones compile about as fast as the file is read.
pub(super) const WORTHWHILE: usize = 256 << 10;

/// The file of compiled functions.
pub(crate) struct Functions {
    path: PathBuf,
    most: usize,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl Functions {
    /// The file at this path, which need not be there.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            path,
            most: MOST,
            writing: Mutex::new(()),
        }
    }

    /// The path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds what a child learned. What was not used for the longest time makes room.
    ///
    /// # Errors
    /// The file cannot be written. A file that cannot be read is begun anew.
    pub(super) fn learn(&self, learned: Learned) -> io::Result<()> {
        if learned.new.is_empty() {
            return Ok(());
        }
        let _writing = self.writing.lock();
        let old = match owned_by_us(&self.path) {
            true => FunctionFile::open(&self.path).ok(),
            false => None,
        };
        let mut kept = match old {
            Some(file) => file.entries()?,
            None => Vec::new(),
        };
        let round = 1 + kept.iter().map(|entry| entry.used).max().unwrap_or(0);
        let used: HashSet<_> = learned.used.into_iter().collect();
        for entry in &mut kept {
            if used.contains(&entry.key) {
                entry.used = round;
            }
        }
        let mut known: HashSet<_> = kept.iter().map(|entry| entry.key).collect();
        for (key, code) in learned.new {
            if known.insert(key) {
                kept.push(Entry {
                    key,
                    used: round,
                    code,
                });
            }
        }
        kept.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        let mut total = 0;
        kept.retain(|entry| {
            total += entry.code.len() + file::EACH;
            total <= self.most
        });
        write_private(&self.path, &file::to_bytes(kept))
    }
}

/// Whether the file is a regular one of this process's user, and nobody else may write to it.
pub(super) fn owned_by_us(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && is_ours_alone(&about))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(used: &[u8], new: &[(u8, usize)]) -> Learned {
        Learned {
            used: used.iter().map(|n| [*n; 32]).collect(),
            new: new
                .iter()
                .map(|(n, len)| ([*n; 32], vec![*n; *len]))
                .collect(),
        }
    }

    fn keys(functions: &Functions) -> Vec<u8> {
        let file = FunctionFile::open(&functions.path).unwrap();
        let mut keys: Vec<_> = file
            .entries()
            .unwrap()
            .iter()
            .map(|entry| entry.key[0])
            .collect();
        keys.sort_unstable();
        keys
    }

    fn functions(folder: &tempfile::TempDir, most: usize) -> Functions {
        Functions {
            most,
            ..Functions::at(folder.path().join("functions"))
        }
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let functions = functions(&folder, 4 * (100 + file::EACH));
        functions
            .learn(learned(&[], &[(1, 100), (2, 100)]))
            .unwrap();
        functions.learn(learned(&[], &[(3, 100)])).unwrap();
        assert_eq!(keys(&functions), [1, 2, 3]);
        functions
            .learn(learned(&[1], &[(4, 100), (5, 100)]))
            .unwrap();
        assert_eq!(keys(&functions), [1, 3, 4, 5]);
        // Nothing new leaves the file as it is.
        functions.learn(learned(&[3], &[])).unwrap();
        functions
            .learn(learned(&[4, 5], &[(6, 100), (6, 100)]))
            .unwrap();
        assert_eq!(keys(&functions), [1, 4, 5, 6]);
    }

    #[test]
    fn a_file_that_others_can_write_to_is_begun_anew() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let functions = functions(&folder, 1 << 20);
        functions.learn(learned(&[], &[(1, 10)])).unwrap();
        assert!(owned_by_us(functions.path()));
        fs::set_permissions(functions.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!owned_by_us(functions.path()));
        functions.learn(learned(&[], &[(2, 10)])).unwrap();
        assert_eq!(keys(&functions), [2]);
        assert!(owned_by_us(functions.path()));
        fs::write(functions.path(), b"damaged").unwrap();
        functions.learn(learned(&[], &[(3, 10)])).unwrap();
        assert_eq!(keys(&functions), [3]);
    }
}
