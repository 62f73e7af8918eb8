//! The signature of files: the metadata by which a change is seen.
//!
//! A change is a change of metadata, not a notification of the file system: a notification only
//! says when to look. So editors that rename and replace, a `git pull`, a symlink that is swapped
//! and a folder that is polled all have the same effect.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::generation::fixtures;
use crate::settings::Manifest;

/// The metadata of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Seconds and nanoseconds.
    changed: (i64, i64),
    inode: u64,
    device: u64,
}

/// Files with their metadata; `None` for a file that is not there.
pub(crate) type Signature = BTreeMap<PathBuf, Option<Stamp>>;

/// The signature of these files now.
pub(crate) fn signature_of(files: impl IntoIterator<Item = PathBuf>) -> Signature {
    let stamped = |path: PathBuf| {
        let stamp = stamp(&path);
        (path, stamp)
    };
    files.into_iter().map(stamped).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Stamp {
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
        device: meta.dev(),
    })
}

/// The files that a manifest names: secrets, components, fixtures and the folders of fixtures.
pub(crate) fn named_files(manifest: &Manifest) -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<_> = manifest.secret_files.iter().cloned().collect();
    for handler in manifest.handlers.values() {
        files.insert(handler.component.clone());
        if let Some(pattern) = &handler.fixtures {
            files.extend(fixtures::files(pattern).unwrap_or_default());
            files.insert(folder_of(pattern));
        }
    }
    files
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
