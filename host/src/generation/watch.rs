//! Watches the files of a generation for changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};

use crate::generation::folders::folders_on_the_way;
use crate::generation::signature::{Signature, named_files, signature_of};
use crate::settings::{Manifest, Watch};

/// The most debounce times that a look waits for files that keep changing.
const MAX_DEBOUNCES: u32 = 50;

/// Called when files may have changed, on a thread of the watcher.
pub(crate) type Notice = Arc<dyn Fn() + Send + Sync>;

/// The files of a generation, and the signature that the last attempt to build read.
pub(crate) struct WatchedFiles {
    manifest: PathBuf,
    /// The watched files beside the manifest.
    files: BTreeSet<PathBuf>,
    /// The signature of the last build, with or without success.
    attempted: Signature,
    notice: Notice,
    watcher: Option<notify::RecommendedWatcher>,
}

impl WatchedFiles {
    /// The file `path` and the files that its `manifest` names. `attempted` is the signature that
    /// the generation was built from.
    pub(crate) fn new(
        path: PathBuf,
        manifest: &Manifest,
        attempted: Signature,
        notice: Notice,
    ) -> Self {
        let mut files = Self {
            manifest: path,
            files: named_files(manifest),
            attempted,
            notice,
            watcher: None,
        };
        files.forget_others();
        files
    }

    fn signature(&self) -> Signature {
        let manifest = std::iter::once(&self.manifest);
        signature_of(manifest.chain(&self.files).cloned())
    }

    /// Whether the files differ from those of the last attempt. If they do, waits until they have
    /// not changed for `debounce`.
    pub(crate) fn have_changed(&self, debounce: Duration) -> bool {
        let mut seen = self.signature();
        if seen == self.attempted {
            return false;
        }
        for _ in 0..MAX_DEBOUNCES {
            std::thread::sleep(debounce);
            let now = self.signature();
            if now == seen {
                break;
            }
            seen = now;
        }
        true
    }

    /// Notes that a build begins with the files as they are now.
    pub(crate) fn begin_attempt(&mut self) {
        self.attempted = self.signature();
    }

    /// Notes that the build has read the files of `manifest`. They are watched beside the files of
    /// the generation that `serves`, even if the build fails because of one of them.
    pub(crate) fn attempt_reads(
        &mut self,
        serves: &Manifest,
        manifest: &Manifest,
        read: Signature,
    ) {
        self.files = named_files(serves);
        self.files.extend(named_files(manifest));
        self.attempted.extend(read);
    }

    /// Watches more files.
    pub(crate) fn add(&mut self, files: &[PathBuf]) {
        self.files.extend(files.iter().cloned());
    }

    /// Watches the files of this manifest and no others.
    pub(crate) fn set(&mut self, manifest: &Manifest) {
        self.files = named_files(manifest);
    }

    /// Ends an attempt: watched files that the attempt did not read count as they are now, and
    /// files that are not watched are forgotten. Then watches as `serves` says.
    pub(crate) fn end_attempt(&mut self, serves: &Manifest) {
        self.watch(serves);
        self.forget_others();
    }

    fn forget_others(&mut self) {
        let mut seen = self.signature();
        for (path, stamp) in &mut seen {
            if let Some(attempted) = self.attempted.get(path) {
                *stamp = *attempted;
            }
        }
        self.attempted = seen;
    }

    /// Starts to watch the folders of all files, if the manifest says so. Folders, because files
    /// are replaced; and those of all links on the way to a file, which may be anywhere.
    /// A watched folder of fixtures is watched itself, also while no file in it fits.
    pub(crate) fn watch(&mut self, manifest: &Manifest) {
        self.watcher = None;
        if manifest.reload.watch != Watch::Events {
            return;
        }
        let mut folders = BTreeSet::new();
        for file in std::iter::once(&self.manifest).chain(&self.files) {
            folders.extend(folders_on_the_way(file));
            if file.is_dir() {
                folders.insert(file.clone());
            }
        }
        match watch_folders(&folders, &manifest.ledger.path, self.notice.clone()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::error!(
                %error,
                "the folders cannot be watched; use SIGHUP, or `watch = \"poll\"` under [reload]"
            ),
        }
    }
}

/// Watches folders. Changes of the ledger's files cause no notice.
fn watch_folders(
    folders: &BTreeSet<PathBuf>,
    database: &Path,
    notice: Notice,
) -> notify::Result<notify::RecommendedWatcher> {
    let name = database
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let of_ledger = move |path: &PathBuf| {
        path.file_name()
            .is_some_and(|file| file.to_string_lossy().starts_with(&name))
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match &event {
            Ok(event) => !event.kind.is_access() && !event.paths.iter().all(&of_ledger),
            // Notices were lost: the files may have changed.
            Err(_) => true,
        };
        if matters {
            notice();
        }
    })?;
    for folder in folders {
        if folder.is_dir() {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
    }
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_target_that_is_rewritten_in_another_folder_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("gateway/conf")).unwrap();
        fs::create_dir_all(path("elsewhere/deep")).unwrap();
        fs::write(path("elsewhere/deep/secret"), "whsec_one").unwrap();
        symlink("../../elsewhere/deep/secret", path("gateway/conf/secret")).unwrap();
        let text = "version = 1\n[sources.stripe]\npath = \"/s\"\nscheme = \"stripe\"\n\
             secrets = [{ file = \"secret\" }]\n";
        let file = path("gateway/conf/m.toml");
        fs::write(&file, text).unwrap();
        let manifest = crate::manifest::parse(text, &file, &|_| None).unwrap();
        let (told, notices) = mpsc::channel();
        let notice: Notice = Arc::new(move || _ = told.send(()));
        let read = signature_of([file.clone()].into_iter().chain(named_files(&manifest)));
        let mut files = WatchedFiles::new(file, &manifest, read, notice);
        files.watch(&manifest);
        assert!(!files.have_changed(Duration::ZERO));
        fs::write(path("elsewhere/deep/secret"), "whsec_another").unwrap();
        notices
            .recv_timeout(Duration::from_secs(20))
            .expect("a notice");
        assert!(files.have_changed(Duration::ZERO));
    }
}
