//! The folder that a gateway runs in: manifest, components, data.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Ledger, Manifest};

/// The folder. It is removed with its contents at the end of the test.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// Makes a folder with this manifest and with the conformance guest as a plugin.
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(site.path("plugins")).unwrap();
        site.plug("conformance.wasm", &component("conformance"));
        site.write_manifest(&manifest.text());
        site
    }

    /// Returns a path within the folder.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.path("tollgate.toml")
    }

    /// Replaces the manifest by a rename, as careful editors do.
    pub(crate) fn write_manifest(&self, text: &str) {
        replace(&self.manifest_path(), text.as_bytes());
    }

    /// Puts a component into the plugins folder by a rename.
    pub(crate) fn plug(&self, name: &str, bytes: &[u8]) {
        replace(&self.path("plugins").join(name), bytes);
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.path("data/tollgate.db"))
    }

    /// Returns all files of the data folder and below, with their bytes.
    pub(crate) fn data_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("data")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.push((path, bytes));
                }
            }
        }
        found
    }
}

/// Returns the bytes of a handler that `plugins/build` builds.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/target/components");
    let path = folder.join(name).with_extension("wasm");
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read {}: {error}; run `make guests` first",
            path.display()
        )
    })
}

/// Returns the same handler as another file, with a custom section that contains `tag`.
pub(crate) fn variant(wasm: &[u8], tag: &str) -> Vec<u8> {
    const NAME: &[u8] = b"variant";
    let mut section = vec![NAME.len() as u8];
    section.extend_from_slice(NAME);
    section.extend_from_slice(tag.as_bytes());
    assert!(section.len() < 128, "the length is one byte of LEB128");
    let mut bytes = wasm.to_vec();
    bytes.extend_from_slice(&[0, section.len() as u8]);
    bytes.extend_from_slice(&section);
    bytes
}

/// Returns the sha256 in hex, by which the gateway names a component's file.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}
