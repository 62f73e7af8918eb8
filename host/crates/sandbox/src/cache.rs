//! Compiled code on disk, so that a start or a reload compiles only what is new.
//!
//! A file is named by the sha256 of the component and by what wasmtime's version and
//! settings come to. Loading compiled code means to trust its bytes, so each file has
//! the sha256 of its own contents beside it, which is checked before the code is mapped:
//! a torn or rotten file is compiled anew. Files come into being whole, by rename.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine::compiling_engine;
use tollgate_base::event::ComponentDigest;

/// The folder of compiled components, if compiled code is kept at all.
pub(super) struct CompileCache {
    folder: Option<PathBuf>,
}

impl CompileCache {
    pub(super) fn new(folder: Option<PathBuf>) -> io::Result<Self> {
        folder.as_ref().map_or(Ok(()), fs::create_dir_all)?;
        Ok(Self { folder })
    }

    /// The component compiled for `engine`: from the cache, or compiled and put there.
    /// `digest` is that of the file that `wasm` was made from.
    pub(super) fn load(
        &self,
        engine: &Engine,
        digest: ComponentDigest,
        wasm: &[u8],
    ) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else {
            return from_memory(engine, &compiling_engine()?.precompile_component(wasm)?);
        };
        let path = folder.join(file_name(engine, digest));
        if let Some(component) = map(engine, &path) {
            return Ok(component);
        }
        let code = compiling_engine()?.precompile_component(wasm)?;
        match store(&path, &code) {
            Ok(()) => {}
            // Without a cache everything works, only slower.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code was not cached");
            }
        }
        match map(engine, &path) {
            Some(component) => Ok(component),
            None => from_memory(engine, &code),
        }
    }
}

fn map(engine: &Engine, path: &Path) -> Option<Component> {
    let recorded = fs::read_to_string(digest_path(path)).ok()?;
    let actual = hex::encode(Sha256::digest(fs::read(path).ok()?));
    if recorded.trim() != actual {
        tracing::warn!(path = %path.display(), "cached code is damaged and will be compiled anew");
        return None;
    }
    match from_file(engine, path) {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cached code is of no use and will be compiled anew");
            None
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
    reason = "wasmtime cannot check compiled code; we wrote these bytes and checked their digest"
)]
fn from_file(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `store` with the output of wasmtime's compiler, its
    // digest was just checked, and it is only ever replaced by rename, never written to.
    // Whoever else can write to the data folder can replace the ledger too.
    unsafe { Component::deserialize_file(engine, path) }
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check compiled code; it wrote these bytes a moment ago"
)]
fn from_memory(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what wasmtime's compiler returned, untouched.
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
