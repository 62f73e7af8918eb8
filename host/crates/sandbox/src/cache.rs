//! A cache of compiled code on disk, so that a start or a reload compiles only new components.
//!
//! The name of a file has the sha256 of the component and a hash of wasmtime's version and
//! settings. To load compiled code is to trust its bytes. So each file has its own sha256 in a file
//! beside it, and the cache checks the digest before it maps the code: a torn or damaged file is
//! compiled again. Files are written whole, by rename.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::Compiler;
use crate::component::LoadError;
use tollgate_base::event::ComponentDigest;
use tollgate_base::files::{open_regular, read_regular_text};

/// The most bytes of a file with a digest in hex: 64 and a newline.
const MAX_DIGEST: usize = 80;

/// The cache in one folder; without a folder, nothing is cached.
pub(crate) struct CompileCache {
    folder: Option<PathBuf>,
}

impl CompileCache {
    /// Makes the folder if it is not there. If it cannot be made, nothing is cached.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let made = |folder: &PathBuf| match fs::create_dir_all(folder) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(
                    folder = %folder.display(),
                    %error,
                    "compiled code cannot be cached; each start and reload compiles anew",
                );
                false
            }
        };
        Self {
            folder: folder.filter(made),
        }
    }

    /// The compiled code of the file with this digest, if it is in the cache.
    pub(crate) fn find(&self, engine: &Engine, digest: ComponentDigest) -> Option<Component> {
        let path = self.folder.as_ref()?.join(file_name(engine, digest));
        map(engine, &path)
    }

    /// The component in the bytes of a file, compiled for `engine`: from the cache, or compiled now
    /// and put into the cache. `digest` is the digest of the file.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        compiler: &Compiler,
        digest: ComponentDigest,
        file: &[u8],
    ) -> Result<Component, LoadError> {
        let Some(folder) = &self.folder else {
            return from_memory(engine, &compiler.compile(file)?).map_err(LoadError::Code);
        };
        if let Some(component) = self.find(engine, digest) {
            return Ok(component);
        }
        let path = folder.join(file_name(engine, digest));
        let code = compiler.compile(file)?;
        match store(&path, &code) {
            Ok(()) => {}
            // Without the cache everything works, only slower.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code could not be cached");
            }
        }
        match map(engine, &path) {
            Some(component) => Ok(component),
            None => from_memory(engine, &code).map_err(LoadError::Code),
        }
    }
}

fn map(engine: &Engine, path: &Path) -> Option<Component> {
    let recorded = read_regular_text(&digest_path(path), MAX_DIGEST).ok()?;
    let actual = digest_of(path).ok()?;
    if recorded.trim() != actual {
        tracing::warn!(path = %path.display(), "cached code is damaged and is compiled again");
        return None;
    }
    match from_file(engine, path) {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cached code cannot be used and is compiled again");
            None
        }
    }
}

/// The digest of a regular file in hex.
fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = open_regular(path)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 18];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&block[..read]),
        }
    }
}

fn file_name(engine: &Engine, digest: ComponentDigest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.cwasm", hasher.finish())
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code; `store` wrote these bytes and their digest fits"
)]
fn from_file(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: `store` wrote the file with the output of wasmtime's compiler, its digest was just
    // checked, and the file is only replaced by rename, never written to. Anybody else who can
    // write to the data folder can replace the ledger too.
    unsafe { Component::deserialize_file(engine, path) }
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code; it wrote these bytes a moment ago"
)]
fn from_memory(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is the unchanged output of wasmtime's compiler.
    unsafe { Component::deserialize(engine, code) }
}

fn digest_path(path: &Path) -> PathBuf {
    path.with_extension("cwasm.sha256")
}

fn store(path: &Path, code: &[u8]) -> io::Result<()> {
    tollgate_base::files::write_atomically(path, code)?;
    tollgate_base::files::write_atomically(
        &digest_path(path),
        hex::encode(Sha256::digest(code)).as_bytes(),
    )
}
