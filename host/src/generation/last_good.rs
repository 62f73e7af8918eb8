//! The copy of the last generation that served, in the data folder, so that a start with a broken
//! manifest or component still serves.
//!
//! One file has the text of the manifest, its path and the digest of each handler's component. The
//! components lie beside the file under their digests. The text is the text of the manifest:
//! `${NAME}` and file names are resolved again when the copy is used.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::generation::component_store::{self, MAX_KEPT};
use crate::manifest;
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::files::{read_regular, write_atomically};

/// The most bytes of the file with the manifest's text: JSON writes a character as six at most.
const MAX_INDEX: usize = 8 * manifest::MAX_SIZE;

/// The copy of a generation in one data folder.
#[derive(Debug, Clone)]
pub(crate) struct LastGood {
    folder: PathBuf,
}

/// The copy of a generation, without the bytes of its components.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptGeneration {
    /// The path of the manifest. Relative paths in the text are relative to it.
    pub(crate) path: PathBuf,
    /// The text of the manifest.
    pub(crate) text: String,
    /// The digests of the components in hex, by handler.
    components: BTreeMap<String, String>,
}

/// The components of a generation that will be copied.
#[derive(Debug, Default)]
pub(crate) struct KeptComponents {
    /// The component of each handler.
    of: BTreeMap<String, ComponentDigest>,
    /// The bytes of each component, once for all handlers that share the component.
    pub(crate) bytes: HashMap<ComponentDigest, Vec<u8>>,
}

impl KeptComponents {
    /// Adds the component of a handler.
    pub(crate) fn add(&mut self, handler: &HandlerName, digest: ComponentDigest, bytes: &[u8]) {
        self.of.insert(handler.to_string(), digest);
        self.bytes.entry(digest).or_insert_with(|| bytes.to_vec());
    }
}

impl KeptGeneration {
    /// The component of a handler.
    pub(crate) fn component(&self, handler: &str) -> Option<ComponentDigest> {
        ComponentDigest::from_hex(self.components.get(handler)?)
    }
}

impl LastGood {
    /// The copy in `data`, the folder of the ledger.
    pub(crate) fn in_folder(data: &Path) -> Self {
        Self {
            folder: data.join("last-good"),
        }
    }

    /// Whether there is a copy. What it holds may be damaged.
    pub(crate) fn is_kept(&self) -> bool {
        self.index().is_file()
    }

    /// The data folder, in which the copy lies.
    pub(super) fn data(&self) -> &Path {
        self.folder.parent().unwrap_or(Path::new(""))
    }

    fn index(&self) -> PathBuf {
        self.folder.join("generation.json")
    }

    fn component(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    /// Writes a copy of a generation: the text of its manifest and its components.
    pub(crate) fn keep(
        &self,
        path: &Path,
        text: &str,
        components: &KeptComponents,
    ) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // The manifest may hold a secret in plain text, against all advice.
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))?;
        for (digest, bytes) in &components.bytes {
            let copy = self.component(&digest.to_string());
            if !copy.exists() {
                write_atomically(&copy, bytes)?;
            }
        }
        let names = components.of.iter();
        let names = names.map(|(handler, digest)| (handler.clone(), digest.to_string()));
        let kept = KeptGeneration {
            path: std::path::absolute(path)?,
            text: text.to_owned(),
            components: names.collect(),
        };
        write_atomically(&self.index(), &serde_json::to_vec_pretty(&kept)?)
    }

    /// Removes the copies of components that the copied generation does not have. Keeps those in
    /// `in_place`, digests in hex of components that may serve in place of others.
    pub(crate) fn prune(&self, in_place: &[&str]) -> io::Result<()> {
        let Some(kept) = self.read()? else {
            return Ok(());
        };
        let needed = |digest: ComponentDigest| {
            let digest = digest.to_string();
            in_place.contains(&digest.as_str()) || kept.components.values().any(|of| *of == digest)
        };
        component_store::prune(&self.folder, &needed).map(|_| ())
    }

    /// Reads the copy; `None` if there is no copy.
    pub(crate) fn read(&self) -> io::Result<Option<KeptGeneration>> {
        match read_regular(&self.index(), MAX_INDEX) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The folder of the copy.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Changes the component of one handler in the copy. The folder must have the component.
    pub(crate) fn replace(&self, handler: &str, digest: &str) -> io::Result<()> {
        let Some(mut kept) = self.read()? else {
            return Ok(());
        };
        kept.components
            .insert(handler.to_owned(), digest.to_owned());
        write_atomically(&self.index(), &serde_json::to_vec_pretty(&kept)?)
    }

    /// Puts a component into the folder, for a handler that will run it in place of its file's.
    pub(crate) fn add_component(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let copy = self.component(digest);
        if copy.exists() {
            return Ok(());
        }
        write_atomically(&copy, bytes)
    }

    /// The bytes of a component in the folder. An error if they do not fit the digest.
    pub(crate) fn read_component(&self, digest: &str) -> io::Result<Vec<u8>> {
        let bytes = read_regular(&self.component(digest), MAX_KEPT)?;
        if ComponentDigest::of(&bytes).to_string() == *digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the kept copy is damaged",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_go_once_nothing_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let last_good = LastGood::in_folder(folder.path());
        last_good.prune(&[]).unwrap();
        let keep = |handlers: &[(&str, &[u8])]| {
            let mut components = KeptComponents::default();
            for (handler, bytes) in handlers {
                let digest = ComponentDigest::of(bytes);
                components.add(&HandlerName::new(*handler), digest, bytes);
            }
            last_good
                .keep(Path::new("/t.toml"), "", &components)
                .unwrap();
        };
        let is_there = |bytes| {
            let digest = ComponentDigest::of(bytes).to_string();
            last_good.read_component(&digest).is_ok()
        };
        keep(&[("a", b"one"), ("b", b"two")]);
        keep(&[("a", b"three"), ("b", b"two")]);
        keep(&[("a", b"four"), ("b", b"two")]);
        // The third is what the fourth replaced, and may have to serve again.
        last_good
            .prune(&[&ComponentDigest::of(b"three").to_string()])
            .unwrap();
        assert!(!is_there(b"one"));
        assert!(is_there(b"two") && is_there(b"three") && is_there(b"four"));
        last_good.prune(&[]).unwrap();
        assert!(!is_there(b"three") && is_there(b"two") && is_there(b"four"));
        assert!(last_good.read().unwrap().is_some());
    }

    #[test]
    fn what_was_kept_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let last_good = LastGood::in_folder(folder.path());
        assert!(last_good.read().unwrap().is_none());
        let digest = ComponentDigest::of(b"wasm");
        let mut components = KeptComponents::default();
        components.add(&HandlerName::new("h"), digest, b"wasm");
        last_good
            .keep(Path::new("/etc/tollgate.toml"), "version = 1", &components)
            .unwrap();
        let kept = last_good.read().unwrap().unwrap();
        assert_eq!(kept.text, "version = 1");
        assert_eq!(kept.path, Path::new("/etc/tollgate.toml"));
        assert_eq!(
            fs::read(last_good.component(&digest.to_string())).unwrap(),
            b"wasm"
        );
    }
}
