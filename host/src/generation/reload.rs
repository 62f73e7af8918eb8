//! Hot reload: notices that the manifest, a component, a secret's file or a fixture has
//! changed, builds a generation from what is there now, and swaps it in if it is sound.
//!
//! What counts as a change is what the files' metadata say, not what the file system's
//! notifications say: these only tell when to look. So editors that rename and replace, a
//! `git pull`, a symlink that is swapped and a folder that is polled all come to the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};

use crate::dispatch::TrialNews;
use crate::generation::fixtures;
use crate::generation::last_good::{Components, LastGood};
use crate::generation::roll_back::{self, Choice};
use crate::generation::trials::Trials;
use crate::generation::{self, Builder, Generation, GenerationError, Origin};
use crate::manifest::{self, Mistakes};
use crate::run::core::Core;
use crate::settings::{Manifest, Watch};
use tollgate_base::time::WallTime;

/// How long notices are collected before one look answers them.
const QUIET: Duration = Duration::from_millis(20);

/// Looks up an environment variable.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Changes that go on for so many debounce times are taken as they are.
const MAX_DEBOUNCES: u32 = 50;

/// Builds generations from a manifest's file.
pub(crate) struct Loader {
    pub(crate) path: PathBuf,
    pub(crate) env: Env,
    pub(crate) builder: Builder,
    pub(crate) last_good: LastGood,
}

/// A generation together with what it was built from.
pub(crate) struct Built {
    pub(crate) generation: Generation,
    text: String,
    /// The state of the files that it was built from.
    pub(crate) signature: Signature,
    components: Components,
}

/// Why there is no generation.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest's file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// What it says cannot be used.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

impl From<Mistakes> for LoadError {
    fn from(mistakes: Mistakes) -> Self {
        Self::Generation(mistakes.into())
    }
}

impl Loader {
    /// The manifest as it stands.
    pub(crate) fn manifest(&self) -> Result<ReadManifest, LoadError> {
        read_manifest(&self.path, &self.env)
    }

    /// Builds a generation from a manifest and the components that it names.
    pub(crate) fn build(
        &self,
        read: ReadManifest,
        number: u64,
        now: WallTime,
    ) -> Result<Built, LoadError> {
        let ReadManifest {
            text,
            manifest,
            signature,
        } = read;
        let components = RefCell::new(Components::default());
        let choice = Choice::read(&self.last_good);
        let read = |handler: &crate::settings::Handler| {
            let bytes = generation::read_file(handler)?;
            let (digest, code) = choice.of_file(handler, bytes);
            components
                .borrow_mut()
                .add(&handler.name, digest, &code.bytes);
            Ok(code)
        };
        let generation = self
            .builder
            .build(manifest, number, now, Origin::Manifest, &read)?;
        Ok(Built {
            generation,
            text,
            signature,
            components: components.into_inner(),
        })
    }

    /// Builds the generation that was kept as the last good one, if one was.
    pub(crate) fn build_last_good(&self, now: WallTime) -> Result<Option<Generation>, LoadError> {
        let failed = |error| LoadError::Read {
            path: self.path.clone(),
            error,
        };
        let Some(kept) = self.last_good.read().map_err(failed)? else {
            return Ok(None);
        };
        let manifest = manifest::parse(&kept.text, &kept.path, &*self.env)?;
        let choice = Choice::read(&self.last_good);
        let read = |handler: &crate::settings::Handler| choice.of_kept(handler, &kept);
        Ok(Some(self.builder.build(
            manifest,
            1,
            now,
            Origin::LastGood,
            &read,
        )?))
    }

    /// Removes copies of components that a start could not need any more.
    fn prune_last_good(&self) {
        let trials = Trials::read(self.last_good.folder());
        let pruned = trials.and_then(|trials| self.last_good.prune(&trials.befores()));
        if let Err(error) = pruned {
            tracing::warn!(%error, "old copies of components stay in the data folder");
        }
    }

    /// Keeps a generation that serves, for a start that finds nothing better.
    pub(crate) fn keep(&self, built: &Built) {
        // Trials first: what serves is never kept as trusted that is on trial.
        roll_back::note_trials(&self.last_good, &built.generation);
        let kept = self
            .last_good
            .keep(&self.path, &built.text, &built.components);
        match kept {
            Ok(()) => self.prune_last_good(),
            Err(error) => {
                tracing::error!(%error, "the last good generation could not be kept in the data folder");
            }
        }
        for (digest, bytes) in &built.components.bytes {
            if let Err(error) = self.builder.components.keep(*digest, bytes) {
                tracing::error!(%digest, %error, "a component could not be kept in the data folder");
            }
        }
    }
}

/// A manifest with its text, and with what the system said of the files that it is made
/// of before any of them but the secrets' was read. What changes while they are read is so
/// seen to be a change.
pub(crate) struct ReadManifest {
    pub(crate) text: String,
    pub(crate) manifest: Manifest,
    signature: Signature,
}

/// Reads and checks a manifest's file.
pub(crate) fn read_manifest(path: &Path, env: &Env) -> Result<ReadManifest, LoadError> {
    let mut signature = signature_of([path.to_owned()]);
    let text = std::fs::read_to_string(path).map_err(|error| LoadError::Read {
        path: path.to_owned(),
        error,
    })?;
    let manifest = manifest::parse(&text, path, &**env)?;
    signature.extend(signature_of(named_files(&manifest)));
    Ok(ReadManifest {
        text,
        manifest,
        signature,
    })
}

/// What the system says of a file; `None` if it is not there.
pub(crate) type Stamp = Option<(u64, i64, i64, u64, u64, i64, i64)>;

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    let times = (
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    );
    Some((
        meta.size(),
        times.0,
        times.1,
        meta.ino(),
        meta.dev(),
        times.2,
        times.3,
    ))
}

/// The files that a generation is made of, with what the system says of each.
pub(crate) type Signature = BTreeMap<PathBuf, Stamp>;

/// What the system says of these files now.
pub(crate) fn signature_of(files: impl IntoIterator<Item = PathBuf>) -> Signature {
    let stamped = |path: PathBuf| {
        let stamp = stamp(&path);
        (path, stamp)
    };
    files.into_iter().map(stamped).collect()
}

/// The files that a manifest names.
fn named_files(manifest: &Manifest) -> BTreeSet<PathBuf> {
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

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What may be asked of the reloading thread.
enum Message {
    /// Files may have changed.
    Look,
    /// An operator asks for a reload: build even if nothing seems to have changed.
    Reload,
    /// Something is known of a component that replaced another.
    Trial(TrialNews),
    /// End.
    Stop,
}

/// Owns the thread that reloads; dropping it ends the thread.
pub(crate) struct Reloader {
    messages: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Asks for a reload.
#[derive(Clone)]
pub(crate) struct ReloadHandle(mpsc::Sender<Message>);

impl ReloadHandle {
    pub(crate) fn reload(&self) {
        // A reloader that has ended is one of a gateway that ends.
        let _ = self.0.send(Message::Reload);
    }
}

impl Reloader {
    /// Starts to watch. `core` serves the present generation; `attempted` is the state of
    /// the files that was last built from, with or without success.
    pub(crate) fn start(
        core: Arc<Core>,
        loader: Loader,
        attempted: Signature,
        on_swap: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let notices = messages.clone();
        let news = messages.clone();
        core.dispatcher.on_trials(Box::new(move |trial| {
            // A reloader that has ended is one of a gateway that ends.
            let _ = news.send(Message::Trial(trial));
        }));
        let thread = std::thread::Builder::new()
            .name("reload".into())
            .spawn(move || {
                let current = core.current.load_full();
                let mut thread = Thread {
                    files: named_files(&current.manifest),
                    number: current.number,
                    attempted,
                    watcher: None,
                    notices,
                    core,
                    loader,
                    on_swap: Box::new(on_swap),
                };
                thread.remember_new_files();
                thread.excuse_kept_out();
                thread.run(&inbox);
            })?;
        Ok(Self {
            messages,
            thread: Some(thread),
        })
    }

    pub(crate) fn handle(&self) -> ReloadHandle {
        ReloadHandle(self.messages.clone())
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Why there is something to do.
#[derive(Default)]
struct Woken {
    /// An operator wishes it.
    reload: bool,
    trials: Vec<TrialNews>,
}

pub(crate) struct Thread {
    pub(crate) core: Arc<Core>,
    pub(crate) loader: Loader,
    on_swap: Box<dyn Fn() + Send>,
    notices: mpsc::Sender<Message>,
    /// Files beside the manifest that count.
    files: BTreeSet<PathBuf>,
    /// The state of the files that was last built from, with or without success.
    attempted: Signature,
    /// Generations counted so far.
    pub(crate) number: u64,
    watcher: Option<notify::RecommendedWatcher>,
}

impl Thread {
    fn run(&mut self, inbox: &mpsc::Receiver<Message>) {
        self.watch();
        // Something may have changed between the first build and the watch.
        self.look();
        while let Some(woken) = self.wait(inbox) {
            woken.trials.into_iter().for_each(|news| self.trial(news));
            if woken.reload {
                self.reload();
            } else {
                self.look();
            }
        }
    }

    /// Waits for a reason to look. `None` when the thread is to end.
    fn wait(&self, inbox: &mpsc::Receiver<Message>) -> Option<Woken> {
        let settings = self.core.current.load().manifest.reload.clone();
        let first = match settings.watch {
            Watch::Poll => inbox.recv_timeout(settings.poll_interval),
            Watch::Events | Watch::Off => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let first = match first {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Some(Woken::default()),
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        if matches!(first, Message::Look) {
            // A folder in which much happens that is none of ours must not keep this
            // thread busy: one look answers all the notices of a while.
            std::thread::sleep(QUIET);
        }
        let mut woken = Woken::default();
        for message in std::iter::once(first).chain(inbox.try_iter()) {
            match message {
                Message::Stop => return None,
                Message::Reload => woken.reload = true,
                Message::Trial(news) => woken.trials.push(news),
                Message::Look => {}
            }
        }
        Some(woken)
    }

    fn signature(&self) -> Signature {
        let manifest = std::iter::once(&self.loader.path);
        signature_of(manifest.chain(&self.files).cloned())
    }

    /// Builds anew if the files are not what they were, once they have come to rest.
    fn look(&mut self) {
        let mut seen = self.signature();
        if seen == self.attempted {
            return;
        }
        let debounce = self.core.current.load().manifest.reload.debounce;
        for _ in 0..MAX_DEBOUNCES {
            std::thread::sleep(debounce);
            let now = self.signature();
            if now == seen {
                break;
            }
            seen = now;
        }
        self.reload();
    }

    fn reload(&mut self) {
        self.attempted = self.signature();
        match self.build() {
            Ok(built) => self.swap(built),
            Err(error) => {
                tracing::error!(%error, "the change was not taken over; the last good generation keeps serving");
                *self.core.trouble.lock() = Some(error.to_string());
            }
        }
        self.watch();
        self.remember_new_files();
    }

    /// Files that count now and did not when `attempted` was noted are taken as they are;
    /// those that no longer count are forgotten.
    fn remember_new_files(&mut self) {
        let mut seen = self.signature();
        for (path, stamp) in &mut seen {
            if let Some(attempted) = self.attempted.get(path) {
                *stamp = *attempted;
            }
        }
        self.attempted = seen;
    }

    fn build(&mut self) -> Result<Built, LoadError> {
        let read = self.loader.manifest().inspect_err(|error| {
            // A secret's file may be what is missing.
            if let LoadError::Generation(GenerationError::Manifest(mistakes)) = error {
                self.files.extend(mistakes.secret_files().iter().cloned());
            }
        })?;
        // From here on these files count, even if the build fails for one of them.
        self.files = named_files(&self.core.current.load().manifest);
        self.files.extend(named_files(&read.manifest));
        self.attempted.extend(read.signature.clone());
        self.loader
            .build(read, self.number + 1, self.core.clock.now())
    }

    fn swap(&mut self, built: Built) {
        self.files = named_files(&built.generation.manifest);
        self.loader.keep(&built);
        self.serve(built.generation);
        *self.core.trouble.lock() = None;
    }

    /// Has a generation serve from now on.
    pub(crate) fn serve(&mut self, generation: Generation) {
        self.number = generation.number;
        let old = self.core.current.load_full();
        warn_of_fixed(&old.manifest, &generation.manifest);
        let generation = Arc::new(generation);
        // Handlers first: a delivery must not arrive for one that the dispatcher does not
        // know yet.
        generation.run_by(&self.core.dispatcher);
        self.core.current.store(generation.clone());
        // What runs still ends on the old one, and names its components then.
        self.core.prune_components(&[&old, &generation]);
        (self.on_swap)();
        for warning in &generation.manifest.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(
            number = generation.number,
            handlers = generation.handlers.len(),
            "a new generation serves"
        );
    }

    /// Watches the folders of all files that count. A folder rather than the files: files
    /// are replaced. And the folders' own folders, where a symlink to one may be swapped.
    fn watch(&mut self) {
        self.watcher = None;
        if self.core.current.load().manifest.reload.watch != Watch::Events {
            return;
        }
        let mut folders = BTreeSet::new();
        for file in std::iter::once(&self.loader.path).chain(&self.files) {
            let folder = folder_of(file);
            folders.insert(folder_of(&folder));
            folders.insert(folder);
        }
        let database = self.core.current.load().manifest.ledger.path.clone();
        match watch_folders(&folders, database, self.notices.clone()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::error!(
                %error,
                "changes cannot be watched for; use SIGHUP, or `watch = \"poll\"` under [reload]"
            ),
        }
    }
}

fn watch_folders(
    folders: &BTreeSet<PathBuf>,
    database: PathBuf,
    notices: mpsc::Sender<Message>,
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
            // Notices were lost: look.
            Err(_) => true,
        };
        if matters {
            let _ = notices.send(Message::Look);
        }
    })?;
    for folder in folders {
        if folder.is_dir() {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
    }
    Ok(watcher)
}

/// Settings that are read at the start only.
fn warn_of_fixed(old: &Manifest, new: &Manifest) {
    let (server, ledger) = (old.server != new.server, old.ledger != new.ledger);
    for (changed, table) in [(server, "[server]"), (ledger, "[ledger]")] {
        if changed {
            tracing::warn!("a change of {table} takes effect at the next start");
        }
    }
}
