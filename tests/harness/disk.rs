//! The contents that a disk may have after a power cut, given the calls before it.
//!
//! The rules, which POSIX and Linux's file systems keep:
//! - Synced data are there.
//! - Of the later writes to a file, any may be there: whole, in part (by sectors) or not at all,
//!   in any order. Bytes between the present ones read as zeros.
//! - A change of a file's length is there or not. If it is not, no later change of that file is
//!   there either (the file system's journal keeps their order).
//! - Of the changes of a folder's entries since its last sync, a first part is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Entry;

/// The size in bytes that disks write atomically.
const SECTOR: usize = 512;

/// A model of a disk, which follows the recorded calls.
#[derive(Default)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
    /// The node of each inode number at present.
    by_file: BTreeMap<u64, usize>,
    /// The folders by path, as the running system sees them.
    folders: BTreeMap<PathBuf, usize>,
    root: PathBuf,
    /// The syncs under way: each with its node and the number of the node's changes that it
    /// covers.
    syncs: BTreeMap<u64, (usize, usize)>,
}

/// A file or a folder: its durable contents and the changes since.
#[derive(Default)]
struct Node {
    bytes: Vec<u8>,
    entries: BTreeMap<PathBuf, usize>,
    /// The changes since, in order.
    pending: Vec<Change>,
    /// The number of durable changes.
    settled: usize,
    /// A folder's entries as the running system sees them.
    current: BTreeMap<PathBuf, usize>,
}

#[derive(Clone)]
enum Change {
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Length(usize),
    /// A name now refers to this node, or to nothing.
    Entry {
        path: PathBuf,
        node: Option<usize>,
    },
    /// Two entries of one folder change at once.
    Renamed {
        from: PathBuf,
        to: PathBuf,
        node: usize,
    },
}

impl Disk {
    /// Applies the next recorded call.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        match entry {
            // Each process starts with the same root.
            Entry::Root { file, path } if self.folders.is_empty() => {
                let node = self.new_node(*file);
                self.folders.insert(path.clone(), node);
                self.root.clone_from(path);
            }
            Entry::Folder { file, path } => {
                let node = self.new_node(*file);
                self.folders.insert(path.clone(), node);
                self.name(path, Some(node));
            }
            Entry::Created { file, path } => {
                let node = self.new_node(*file);
                self.name(path, Some(node));
            }
            Entry::Write {
                file,
                offset,
                bytes,
            } => {
                let offset = *offset as usize;
                self.change(
                    *file,
                    Change::Write {
                        offset,
                        bytes: bytes.clone(),
                    },
                );
            }
            Entry::Length { file, length } => self.change(*file, Change::Length(*length as usize)),
            Entry::SyncBegin { file, number } => {
                if let Some(&node) = self.by_file.get(file) {
                    let of = &self.nodes[node];
                    self.syncs
                        .insert(*number, (node, of.settled + of.pending.len()));
                }
            }
            Entry::SyncEnd { number } => {
                if let Some((node, upto)) = self.syncs.remove(number) {
                    self.nodes[node].settle(upto);
                }
            }
            Entry::Unlinked { path } => self.name(path, None),
            Entry::Renamed { from, to } => self.rename(from, to),
            Entry::Root { .. }
            | Entry::Opened { .. }
            | Entry::Answered { .. }
            | Entry::Sent { .. }
            | Entry::Unknown { .. } => {}
        }
    }

    /// Writes the contents that a folder may have after a power cut now into `into`. `random`
    /// decides. Returns false if the folder itself is gone.
    pub(crate) fn cut(&self, folder: &Path, into: &Path, random: &mut fastrand::Rng) -> bool {
        let mut node = self.folders[&self.root];
        let mut path = self.root.clone();
        for part in folder.strip_prefix(&self.root).expect("below the root") {
            path.push(part);
            match self.nodes[node].entries_after_cut(random).get(&path) {
                Some(&below) => node = below,
                None => return false,
            }
        }
        for (path, &file) in &self.nodes[node].entries_after_cut(random) {
            let node = &self.nodes[file];
            if !self.folders.values().any(|&folder| folder == file) {
                let name = path.file_name().expect("an entry has a name");
                fs::write(into.join(name), node.bytes_after_cut(random)).unwrap();
            }
        }
        true
    }

    fn new_node(&mut self, file: u64) -> usize {
        self.nodes.push(Node::default());
        let node = self.nodes.len() - 1;
        self.by_file.insert(file, node);
        node
    }

    fn change(&mut self, file: u64, change: Change) {
        // Changes of files from before the recording are not modelled.
        if let Some(&node) = self.by_file.get(&file) {
            self.nodes[node].pending.push(change);
        }
    }

    /// Makes a name refer to another node, or to nothing.
    fn name(&mut self, path: &Path, node: Option<usize>) {
        let Some(folder) = self.folder_of(path) else {
            return;
        };
        let path = path.to_owned();
        match node {
            Some(node) => folder.current.insert(path.clone(), node),
            None => folder.current.remove(&path),
        };
        folder.pending.push(Change::Entry { path, node });
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        assert_eq!(
            from.parent(),
            to.parent(),
            "renames from folder to folder are not modelled"
        );
        let Some(folder) = self.folder_of(from) else {
            return;
        };
        let Some(node) = folder.current.remove(from) else {
            return;
        };
        let (from, to) = (from.to_owned(), to.to_owned());
        folder.current.insert(to.clone(), node);
        folder.pending.push(Change::Renamed { from, to, node });
    }

    fn folder_of(&mut self, path: &Path) -> Option<&mut Node> {
        let node = *self.folders.get(path.parent()?)?;
        Some(&mut self.nodes[node])
    }
}

impl Node {
    /// Makes the changes up to this number durable.
    fn settle(&mut self, upto: usize) {
        let count = upto.saturating_sub(self.settled).min(self.pending.len());
        for change in self.pending.drain(..count) {
            apply_entry(&mut self.entries, &change);
            apply_bytes(&mut self.bytes, &change);
        }
        self.settled += count;
    }

    fn entries_after_cut(&self, random: &mut fastrand::Rng) -> BTreeMap<PathBuf, usize> {
        let mut entries = self.entries.clone();
        let some = random.usize(..=self.pending.len());
        for change in &self.pending[..some] {
            apply_entry(&mut entries, change);
        }
        entries
    }

    fn bytes_after_cut(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for change in &self.pending {
            match change {
                Change::Write {
                    offset,
                    bytes: written,
                } => {
                    write_some(&mut bytes, *offset, written, random);
                }
                Change::Length(_) if random.bool() => return bytes,
                other => apply_bytes(&mut bytes, other),
            }
        }
        bytes
    }
}

fn apply_entry(entries: &mut BTreeMap<PathBuf, usize>, change: &Change) {
    match change {
        Change::Entry {
            path,
            node: Some(node),
        } => {
            entries.insert(path.clone(), *node);
        }
        Change::Entry { path, node: None } => {
            entries.remove(path);
        }
        Change::Renamed { from, to, node } => {
            entries.remove(from);
            entries.insert(to.clone(), *node);
        }
        Change::Write { .. } | Change::Length(_) => {}
    }
}

fn apply_bytes(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write {
            offset,
            bytes: written,
        } => write(bytes, *offset, written),
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Entry { .. } | Change::Renamed { .. } => {}
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

/// Applies a write that was not synced: whole, not at all, or torn between sectors.
fn write_some(bytes: &mut Vec<u8>, offset: usize, written: &[u8], random: &mut fastrand::Rng) {
    match random.u8(..3) {
        0 => {}
        1 => write(bytes, offset, written),
        _ => {
            let mut at = 0;
            while at < written.len() {
                // Sectors are aligned in the file, not to the start of the write.
                let sector = (SECTOR - (offset + at) % SECTOR).min(written.len() - at);
                if random.bool() {
                    write(bytes, offset + at, &written[at..at + sector]);
                }
                at += sector;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: u64 = 1;
    const FILE: u64 = 2;

    fn created() -> Vec<Entry> {
        vec![
            Entry::Root {
                file: ROOT,
                path: "/r".into(),
            },
            Entry::Created {
                file: FILE,
                path: "/r/f".into(),
            },
        ]
    }

    fn synced(file: u64, number: u64) -> [Entry; 2] {
        [Entry::SyncBegin { file, number }, Entry::SyncEnd { number }]
    }

    fn wrote(offset: u64, bytes: &[u8]) -> Entry {
        Entry::Write {
            file: FILE,
            offset,
            bytes: bytes.to_vec(),
        }
    }

    /// Returns the contents that the file may have after these entries, over many power cuts;
    /// `None` without a file.
    fn outcomes(entries: &[Entry]) -> std::collections::BTreeSet<Option<Vec<u8>>> {
        let mut disk = Disk::default();
        entries.iter().for_each(|entry| disk.apply(entry));
        let mut random = fastrand::Rng::with_seed(7);
        (0..200)
            .map(|_| {
                let folder = tempfile::tempdir().unwrap();
                assert!(disk.cut(Path::new("/r"), folder.path(), &mut random));
                fs::read(folder.path().join("f")).ok()
            })
            .collect()
    }

    #[test]
    fn what_was_synced_stays() {
        let mut entries = created();
        entries.push(wrote(0, b"whole"));
        entries.extend(synced(FILE, 1));
        entries.extend(synced(ROOT, 2));
        assert_eq!(outcomes(&entries), [Some(b"whole".to_vec())].into());
    }

    #[test]
    fn a_file_whose_folder_was_not_synced_may_be_gone() {
        let mut entries = created();
        entries.push(wrote(0, b"whole"));
        entries.extend(synced(FILE, 1));
        assert_eq!(outcomes(&entries), [None, Some(b"whole".to_vec())].into());
    }

    #[test]
    fn a_sync_covers_only_what_came_before_its_beginning() {
        let mut entries = created();
        entries.extend(synced(ROOT, 1));
        entries.push(Entry::SyncBegin {
            file: FILE,
            number: 2,
        });
        entries.push(wrote(0, b"late"));
        entries.push(Entry::SyncEnd { number: 2 });
        assert_eq!(
            outcomes(&entries),
            [Some(Vec::new()), Some(b"late".to_vec())].into()
        );
    }

    #[test]
    fn a_write_may_be_torn_between_sectors_and_nowhere_else() {
        let mut entries = created();
        entries.extend(synced(ROOT, 1));
        entries.push(wrote(500, &[1; 600]));
        for bytes in outcomes(&entries).into_iter().flatten() {
            for at in 501..bytes.len() {
                let torn = bytes[at] != bytes[at - 1];
                assert!(!torn || at % SECTOR == 0, "torn at {at}");
            }
        }
        assert!(outcomes(&entries).len() > 3);
    }

    #[test]
    fn nothing_overtakes_a_change_of_length() {
        let mut entries = created();
        entries.push(wrote(0, b"old"));
        entries.extend(synced(FILE, 1));
        entries.extend(synced(ROOT, 2));
        entries.push(Entry::Length {
            file: FILE,
            length: 0,
        });
        entries.push(wrote(0, b"n"));
        let expected = [Some(b"old".to_vec()), Some(Vec::new()), Some(b"n".to_vec())];
        assert_eq!(outcomes(&entries), expected.into());
    }
}
