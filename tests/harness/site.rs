//! A folder that a gateway runs in: manifest, components, data.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Gateway, Launch, Ledger, Manifest};

/// The folder; removed with all that is in it at the end of the test.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// A folder with this manifest and the conformance guest among its plugins.
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(site.path("plugins")).unwrap();
        site.plug("conformance.wasm", &component("conformance"));
        site.write_manifest(&manifest.text());
        site
    }

    /// A path within the folder.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.path("tollgate.toml")
    }

    /// Replaces the manifest as a careful editor does: whole, by rename.
    pub(crate) fn write_manifest(&self, text: &str) {
        replace(&self.manifest_path(), text.as_bytes());
    }

    /// Puts a component into the plugins folder, whole, by rename.
    pub(crate) fn plug(&self, name: &str, bytes: &[u8]) {
        replace(&self.path("plugins").join(name), bytes);
    }

    /// Starts a gateway and waits until it takes events.
    pub(crate) fn start(&self) -> Gateway {
        Launch::new(self).start()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.path("data/tollgate.db"))
    }

    /// Every file of the data folder and below, with its bytes.
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

/// The bytes of a handler that `plugins/` builds.
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

/// The same handler as another file: with a custom section that holds `tag`.
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

/// The name that the gateway knows a component's file by: its sha256 in hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}
