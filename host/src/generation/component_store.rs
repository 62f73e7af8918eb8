//! The components that have run, in the data folder by digest, so that a replay can run the
//! component that an attempt names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tollgate_base::event::ComponentDigest;
use tollgate_base::files::{read_regular, write_atomically};

/// The most bytes of a component that was kept: more than fits into the memory of a compiler. The
/// manifest's limit may have been higher when the component was kept.
pub(super) const MAX_KEPT: usize = 4 << 30;

/// The components in one data folder.
#[derive(Debug, Clone)]
pub(crate) struct ComponentStore {
    folder: PathBuf,
}

impl ComponentStore {
    /// The components in `data`, the folder of the ledger.
    pub(crate) fn in_folder(data: &Path) -> Self {
        Self {
            folder: data.join("components"),
        }
    }

    /// The components beside the ledger in this file.
    pub(crate) fn of_ledger(file: &Path) -> Self {
        Self::in_folder(file.parent().unwrap_or(Path::new("")))
    }

    /// The digests of all components in the store.
    pub(crate) fn digests(&self) -> io::Result<Vec<ComponentDigest>> {
        digests_in(&self.folder)
    }

    /// The folder of the ledger.
    pub(crate) fn data_folder(&self) -> PathBuf {
        self.folder
            .parent()
            .map_or_else(PathBuf::new, Path::to_owned)
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder.join(file_name(digest))
    }

    /// Whether the store has the component with this digest in hex.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.file(digest).is_file()
    }

    /// Writes a component to the store, whole or not at all.
    pub(crate) fn keep(&self, digest: ComponentDigest, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(&digest.to_string());
        if file.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        write_atomically(&file, bytes)
    }

    /// The bytes of a component. An error if they do not fit the digest.
    pub(crate) fn read(&self, digest: ComponentDigest) -> io::Result<Vec<u8>> {
        let bytes = read_regular(&self.file(&digest.to_string()), MAX_KEPT)?;
        if ComponentDigest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            let damaged = "the kept copy is damaged";
            Err(io::Error::new(io::ErrorKind::InvalidData, damaged))
        }
    }

    /// Removes the components for which `needed` is false. Returns their number.
    pub(crate) fn prune(&self, needed: &dyn Fn(ComponentDigest) -> bool) -> io::Result<usize> {
        prune(&self.folder, needed)
    }
}

/// Removes the components of a folder for which `needed` is false. Returns their number.
pub(crate) fn prune(folder: &Path, needed: &dyn Fn(ComponentDigest) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for digest in digests_in(folder)? {
        if !needed(digest) {
            fs::remove_file(folder.join(file_name(&digest.to_string())))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The digests of all components in a folder.
fn digests_in(folder: &Path) -> io::Result<Vec<ComponentDigest>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut digests = Vec::new();
    for entry in entries {
        digests.extend(digest_of(&entry?.path()));
    }
    Ok(digests)
}

/// The name of a component's file.
fn file_name(digest: &str) -> String {
    format!("{digest}.wasm")
}

/// The digest in the name of a component's file; `None` for other files.
fn digest_of(path: &Path) -> Option<ComponentDigest> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wasm")?;
    let mut digest = [0; 32];
    hex::decode_to_slice(name, &mut digest).ok()?;
    Some(ComponentDigest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_until_nobody_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let components = ComponentStore::in_folder(folder.path());
        let none: &dyn Fn(ComponentDigest) -> bool = &|_| false;
        assert_eq!(components.prune(none).unwrap(), 0, "no folder yet");
        let [first, second] = [b"first", b"other"].map(|bytes| {
            let digest = ComponentDigest::of(bytes);
            components.keep(digest, bytes).unwrap();
            components.keep(digest, bytes).unwrap();
            digest
        });
        assert_eq!(components.read(first).unwrap(), b"first");
        let stranger = folder.path().join("components/readme.wasm");
        fs::write(&stranger, "not ours").unwrap();
        assert_eq!(components.prune(&|digest| digest == first).unwrap(), 1);
        assert!(components.has(&first.to_string()));
        assert!(!components.has(&second.to_string()));
        assert!(components.read(second).is_err());
        assert!(stranger.exists());
        fs::write(components.file(&first.to_string()), "damaged").unwrap();
        assert!(components.read(first).is_err());
    }
}
