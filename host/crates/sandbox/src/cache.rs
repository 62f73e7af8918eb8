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
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::{CompileError, Compiler, Functions};
use crate::component::LoadError;
use tollgate_base::event::ComponentDigest;
use tollgate_base::files::{open_regular, read_regular_text};

/// The most bytes of all compiled code in the cache, about. The code that was used last stays.
const MOST: u64 = 1 << 30;

/// The first part of the name of the file of compiled functions.
const FUNCTIONS: &str = "functions-";

/// The most bytes of a file with a digest in hex: 64 and a newline.
const MAX_DIGEST: usize = 80;

/// The cache in one folder; without a folder, nothing is cached.
pub(crate) struct CompileCache {
    folder: Option<PathBuf>,
    /// A folder whose code is copied.
    second: Option<PathBuf>,
    /// The compiled functions of large components.
    functions: OnceLock<Functions>,
}

impl CompileCache {
    /// Makes the folder if it is not there. If it cannot be made, nothing is cached.
    pub(crate) fn new(folder: Option<PathBuf>, second: Option<PathBuf>) -> Self {
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
        let folder = folder.filter(made);
        if let Some(folder) = &folder
            && let Err(error) = prune(folder, MOST)
        {
            tracing::warn!(folder = %folder.display(), %error, "old compiled code stays");
        }
        Self {
            folder,
            second,
            functions: OnceLock::new(),
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
            let code = self.compile(engine, compiler, digest, file)?;
            return from_memory(engine, &code).map_err(LoadError::Code);
        };
        if let Some(component) = self.find(engine, digest) {
            return Ok(component);
        }
        let name = file_name(engine, digest);
        let path = folder.join(&name);
        let copied = self
            .second
            .as_deref()
            .is_some_and(|second| copy(&second.join(&name), &path));
        if copied && let Some(component) = map(engine, &path) {
            return Ok(component);
        }
        let code = self.compile(engine, compiler, digest, file)?;
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

    /// Compiles a component, and says so in the log: large ones take seconds.
    fn compile(
        &self,
        engine: &Engine,
        compiler: &Compiler,
        digest: ComponentDigest,
        file: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        let functions = self
            .folder
            .as_ref()
            .map(|folder| self.functions.get_or_init(|| functions(folder, engine)));
        let kib = file.len() >> 10;
        tracing::info!(component = %digest, kib, "compiling a component");
        let began = Instant::now();
        let code = compiler.compile(file, functions)?;
        let ms = began.elapsed().as_millis();
        tracing::debug!(component = %digest, ms, "compiled a component");
        Ok(code)
    }
}

/// Removes the files that were written first, until the others have no more than `most` bytes.
fn prune(folder: &Path, most: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_file() && entry.path().extension().is_some_and(|end| end == "cwasm") {
            files.push((about.modified()?, about.len(), entry.path()));
        }
    }
    files.sort_unstable_by(|one, other| other.cmp(one));
    let mut total = 0;
    for (_, bytes, path) in files {
        total += bytes;
        if total > most {
            // Without its digest, the code is not used any more.
            fs::remove_file(digest_path(&path))?;
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn map(engine: &Engine, path: &Path) -> Option<Component> {
    let recorded = read_regular_text(&digest_path(path), MAX_DIGEST).ok()?;
    let actual = digest_of(path).ok()?;
    if recorded.trim() != actual {
        tracing::warn!(path = %path.display(), "cached code is damaged and is compiled again");
        return None;
    }
    match from_file(engine, path) {
        Ok(component) => {
            touch(path);
            Some(component)
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cached code cannot be used and is compiled again");
            None
        }
    }
}

/// Copies code with its digest. Returns whether the code is there and whole.
fn copy(from: &Path, to: &Path) -> bool {
    let recorded = read_regular_text(&digest_path(from), MAX_DIGEST);
    let code = open_regular(from).and_then(|mut file| {
        let mut code = Vec::new();
        file.read_to_end(&mut code).map(|_| code)
    });
    let (Ok(recorded), Ok(code)) = (recorded, code) else {
        return false;
    };
    recorded.trim() == hex::encode(Sha256::digest(&code)) && store(to, &code).is_ok()
}

/// Notes that the code was used now. A note that fails makes the code older than it is.
fn touch(path: &Path) {
    let opened = fs::File::options().append(true).open(path);
    let _ = opened.and_then(|file| file.set_modified(SystemTime::now()));
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
    format!("{digest}-{:016x}.cwasm", settings_of(engine))
}

/// A hash of wasmtime's version and settings.
fn settings_of(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// The compiled functions in the folder that fit the engine. Removes those of other versions.
fn functions(folder: &Path, engine: &Engine) -> Functions {
    let name = format!("{FUNCTIONS}{:016x}", settings_of(engine));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let other = entry.file_name();
        if other.to_string_lossy().starts_with(FUNCTIONS) && *other != *name {
            // One that stays does no harm but for its size.
            let _ = fs::remove_file(entry.path());
        }
    }
    Functions::at(folder.join(name))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_code_that_was_used_last_stays() {
        let folder = tempfile::tempdir().unwrap();
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (age, name) in ["new", "used", "old", "older"].iter().enumerate() {
            let path = folder.path().join(format!("{name}.cwasm"));
            store(&path, &[0; 100]).unwrap();
            let file = fs::File::options().append(true).open(&path).unwrap();
            let at = began - Duration::from_secs(60 * age as u64);
            file.set_modified(at).unwrap();
        }
        fs::write(folder.path().join("other"), [0; 500]).unwrap();
        prune(folder.path(), 250).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let expected = [
            "new.cwasm",
            "new.cwasm.sha256",
            "other",
            "used.cwasm",
            "used.cwasm.sha256",
        ];
        assert_eq!(left, expected);
    }
}
