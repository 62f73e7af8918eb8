//! The file: a head with an index, then the code of the functions.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use tollgate_base::files::open_regular;

use super::key::Key;

/// The first bytes. Another form of the file gets others.
const MAGIC: &[u8; 8] = b"tgfuncs1";

/// The bytes of an index entry: key, offset, length, checksum, round.
pub(super) const EACH: usize = 32 + 8 + 4 + 8 + 4;

/// The most entries. A file that claims more is damaged.
const MAX_ENTRIES: u32 = 1 << 20;

/// The code of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// The round in which the function was used last. Each change of the file is a round.
    pub(super) used: u32,
    pub(super) code: Vec<u8>,
}

/// Where the code of a function is.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: u32,
    checksum: u64,
    used: u32,
}

/// An open file.
#[derive(Debug)]
pub(super) struct FunctionFile {
    file: File,
    length: u64,
    index: HashMap<Key, Place>,
}

impl FunctionFile {
    /// Reads the index.
    ///
    /// # Errors
    /// The file cannot be read, or it is damaged.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = open_regular(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; 12];
        file.read_exact(&mut head)?;
        let (magic, many) = head.split_at(8);
        let many = u32::from_le_bytes(many.try_into().expect("four bytes"));
        if magic != MAGIC || many > MAX_ENTRIES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; many as usize * EACH];
        file.read_exact(&mut bytes)?;
        let index = bytes.chunks_exact(EACH).map(index_entry).collect();
        Ok(Self {
            file,
            length,
            index,
        })
    }

    /// The code of a function; `None` if it is not there or damaged.
    pub(super) fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let place = self.index.get(key)?;
        if place.offset.checked_add(place.length.into())? > self.length {
            return None;
        }
        let mut code = vec![0; place.length as usize];
        self.file.read_exact_at(&mut code, place.offset).ok()?;
        (checksum(&code) == place.checksum).then_some(code)
    }

    /// All functions that are not damaged.
    pub(super) fn entries(&self) -> io::Result<Vec<Entry>> {
        let entry = |(key, place): (&Key, &Place)| {
            Some(Entry {
                key: *key,
                used: place.used,
                code: self.get(key)?,
            })
        };
        Ok(self.index.iter().filter_map(entry).collect())
    }
}

fn index_entry(bytes: &[u8]) -> (Key, Place) {
    let number = |from: usize, to: usize| {
        let mut wide = [0; 8];
        wide[..to - from].copy_from_slice(&bytes[from..to]);
        u64::from_le_bytes(wide)
    };
    let key = bytes[..32].try_into().expect("32 bytes");
    let place = Place {
        offset: number(32, 40),
        length: number(40, 44) as u32,
        checksum: number(44, 52),
        used: number(52, 56) as u32,
    };
    (key, place)
}

/// The bytes of a file with these functions.
pub(super) fn to_bytes(entries: Vec<Entry>) -> Vec<u8> {
    let head = 12 + entries.len() * EACH;
    let code: usize = entries.iter().map(|entry| entry.code.len()).sum();
    let mut bytes = Vec::with_capacity(head + code);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    let mut offset = head as u64;
    for entry in &entries {
        bytes.extend_from_slice(&entry.key);
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&(entry.code.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&checksum(&entry.code).to_le_bytes());
        bytes.extend_from_slice(&entry.used.to_le_bytes());
        offset += entry.code.len() as u64;
    }
    for entry in entries {
        bytes.extend_from_slice(&entry.code);
    }
    bytes
}

/// A part of the sha256 of the code.
fn checksum(code: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(code).into();
    u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |n: u8| Entry {
            key: [n; 32],
            used: n.into(),
            code: vec![n; usize::from(n) * 10],
        };
        (0..5).map(entry).collect()
    }

    #[test]
    fn functions_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions");
        std::fs::write(&path, to_bytes(entries())).unwrap();
        let file = FunctionFile::open(&path).unwrap();
        assert_eq!(file.get(&[3; 32]), Some(vec![3; 30]));
        assert_eq!(file.get(&[9; 32]), None);
        let mut found = file.entries().unwrap();
        found.sort_by_key(|entry| entry.key);
        assert_eq!(found, entries());
    }

    #[test]
    fn no_damage_gives_other_code() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions");
        let whole = to_bytes(entries());
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            check(&path);
            std::fs::write(&path, &whole[..at]).unwrap();
            check(&path);
        }
    }

    /// Whatever can be read is what was written.
    fn check(path: &Path) {
        let Ok(file) = FunctionFile::open(path) else {
            return;
        };
        for entry in entries() {
            let found = file.get(&entry.key);
            assert!(found.is_none() || found == Some(entry.code));
        }
    }
}
