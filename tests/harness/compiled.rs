//! Compiled code that the tests share.
//!
//! Each test has a data folder of its own, so each would compile the same components anew, which
//! takes seconds in a debug build. A gateway that has started leaves its compiled code here; the
//! next one with the same components begins with a copy. The names of the files have the digest of
//! the component and of the engine's settings, as in the gateway's own cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Site, digest};

/// The compiled code of one site.
pub(super) struct Compiled {
    plugins: PathBuf,
    cache: PathBuf,
}

impl Compiled {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            plugins: site.path("plugins"),
            cache: site.path("data/cache"),
        }
    }

    /// Copies the compiled code of the site's components into its cache, as far as there is any and
    /// the site has none. A folder that cannot be made is for the gateway to tell.
    pub(super) fn seed(&self) {
        let shared: Vec<_> = files(&shared()).collect();
        let length = |path: PathBuf| fs::metadata(path).map_or(0, |about| about.len());
        if files(&self.plugins).map(length).any(|bytes| bytes > LARGE)
            && fs::create_dir_all(&self.cache).is_ok()
        {
            let functions = shared.iter().filter(|path| are_functions(path));
            functions.for_each(|path| copy_whole(path, &self.cache));
        }
        for component in files(&self.plugins).filter_map(|path| fs::read(path).ok()) {
            let digest = digest(&component);
            let fits = |path: &&PathBuf| name(path).starts_with(&digest);
            for path in shared.iter().filter(fits) {
                if !self.cache.join(name(path)).exists() && fs::create_dir_all(&self.cache).is_ok()
                {
                    copy_whole(path, &self.cache);
                }
            }
        }
    }

    /// Keeps the compiled code in the site's cache for other tests.
    pub(super) fn keep(&self) {
        let shared = shared();
        fs::create_dir_all(&shared).unwrap();
        let length = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
        let is_better = |path: &PathBuf| {
            let there = shared.join(name(path));
            !there.exists() || are_functions(path) && length(path) > length(&there)
        };
        for path in files(&self.cache).filter(is_better) {
            copy_whole(&path, &shared);
        }
    }
}

/// The length of a component from which on the gateway keeps its compiled functions, in bytes.
const LARGE: u64 = 256 << 10;

/// Whether the file has compiled functions, of components of any digest.
fn are_functions(path: &Path) -> bool {
    name(path).starts_with("functions-")
}

/// Outside the system's folder for temporary files, so that later runs find the code, too.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// The regular files of a folder. A folder that is not there has none.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let files = entries.map(|entry| entry.unwrap());
    files
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| !name(path).starts_with('.'))
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Copies a file by rename, so that nobody sees a part of it. A file that cannot be copied, such as
/// one that the gateway has removed, is compiled again.
fn copy_whole(file: &Path, folder: &Path) {
    let _ = try_copy(file, folder);
}

fn try_copy(file: &Path, folder: &Path) -> io::Result<()> {
    let mut copy = tempfile::Builder::new().prefix(".").tempfile_in(folder)?;
    io::copy(&mut fs::File::open(file)?, &mut copy)?;
    copy.persist(folder.join(name(file)))?;
    Ok(())
}
