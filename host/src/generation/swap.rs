//! The generation that serves, and how another takes its place.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use crate::dispatch::Dispatcher;
use crate::generation::history::{History, LoadOutcome};
use crate::generation::loaded::Generation;
use crate::settings::{LedgerSettings, Manifest, Server};
use tollgate_base::time::WallTime;

/// The generation that serves.
pub(crate) struct Current {
    generation: ArcSwap<Generation>,
    trouble: Mutex<Option<String>>,
    reloads: Mutex<Reloads>,
    /// The last attempts to load a generation.
    pub(crate) history: History,
}

/// The reloads since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reloads {
    /// Reloads whose generation serves, or served.
    pub(crate) loaded: u64,
    /// Reloads that left the generation before in its place.
    pub(crate) failed: u64,
}

impl Current {
    /// `trouble` says why the files do not serve, if another generation serves instead.
    pub(crate) fn new(generation: Arc<Generation>, trouble: Option<String>) -> Self {
        let history = History::default();
        if let Some(error) = &trouble {
            history.note(generation.loaded, LoadOutcome::Failed(error.clone()));
        }
        history.note(generation.loaded, serves(&generation));
        Self {
            generation: ArcSwap::new(generation),
            trouble: Mutex::new(trouble),
            reloads: Mutex::default(),
            history,
        }
    }

    /// The generation, for the time of a short use.
    pub(crate) fn load(&self) -> Guard<Arc<Generation>> {
        self.generation.load()
    }

    /// The generation, to keep.
    pub(crate) fn load_full(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    /// Why the files as they are do not serve; `None` if they serve.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// The reloads since the start.
    pub(crate) fn reloads(&self) -> Reloads {
        *self.reloads.lock()
    }

    /// A reload has ended, and the files as they are serve.
    pub(super) fn loaded(&self) {
        self.reloads.lock().loaded += 1;
        *self.trouble.lock() = None;
    }

    /// A reload has failed, for this reason: the files as they are do not serve.
    pub(super) fn failed(&self, error: String, now: WallTime) {
        self.reloads.lock().failed += 1;
        self.history.note(now, LoadOutcome::Failed(error.clone()));
        *self.trouble.lock() = Some(error);
    }
}

fn serves(generation: &Generation) -> LoadOutcome {
    LoadOutcome::Serves {
        number: generation.number,
        origin: generation.origin,
        warnings: generation.manifest.warnings.clone(),
    }
}

/// Puts generations in the place of the one that serves.
pub(crate) struct Swapper {
    pub(super) current: Arc<Current>,
    pub(super) dispatcher: Dispatcher,
    pub(super) on_swap: OnSwap,
}

/// Called after each swap with the generation before and the one that serves now.
pub(crate) type OnSwap = Box<dyn Fn(&Generation, &Generation) + Send + Sync>;

impl Swapper {
    /// Lets a generation serve from now on. Runs and requests under way end on the generation
    /// before.
    pub(super) fn serve(&self, generation: Generation) {
        let old = self.current.load_full();
        warn_of_fixed_settings(&old.manifest, &generation.manifest);
        let generation = Arc::new(generation);
        // Handlers first: no delivery may arrive for a handler that the dispatcher does not know.
        generation.dispatch_with(&self.dispatcher);
        self.current.generation.store(generation.clone());
        self.current
            .history
            .note(generation.loaded, serves(&generation));
        (self.on_swap)(&old, &generation);
        for warning in &generation.manifest.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(
            number = generation.number,
            handlers = generation.handlers.len(),
            "a new generation serves"
        );
    }
}

/// Whether two settings mean the same ledger. The copy of the last good manifest has another path
/// than the manifest itself, so relative paths are compared as absolute ones.
fn same_ledger(old: &LedgerSettings, new: &LedgerSettings) -> bool {
    let absolute = |settings: &LedgerSettings| std::path::absolute(&settings.path).ok();
    absolute(old) == absolute(new)
}

/// The settings with fixed values in the place of those that a reload changes.
fn fixed(server: &Server) -> Server {
    Server {
        body_limit: 0,
        body_timeout: Duration::ZERO,
        trusted_proxies: Arc::default(),
        proxy_protocol: false,
        ..server.clone()
    }
}

/// Warns of changed settings that are read only at the start.
fn warn_of_fixed_settings(old: &Manifest, new: &Manifest) {
    let server = changed_keys(&fixed(&old.server), &fixed(&new.server));
    if !server.is_empty() {
        let keys = server.join("`, `");
        tracing::warn!("a change of `{keys}` in [server] takes effect at the next start");
    }
    if !same_ledger(&old.ledger, &new.ledger) {
        tracing::warn!("a change of `url` in [ledger] takes effect at the next start");
    }
}

/// The names of the fields that differ, which are the keys of the manifest.
fn changed_keys<T: fmt::Debug>(old: &T, new: &T) -> Vec<String> {
    let (old, new) = (fields(&format!("{old:#?}")), fields(&format!("{new:#?}")));
    let changed = new
        .into_iter()
        .filter(|(name, value)| old.get(name) != Some(value));
    changed.map(|(name, _)| name).collect()
}

/// The fields of a struct with their values, by its text of many lines: a field begins at the first
/// indent.
fn fields(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::<String, String>::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(field) = line
            .strip_prefix("    ")
            .filter(|line| !line.starts_with([' ', '}', ')', ']']))
        {
            name = field.split(':').next().unwrap_or_default().to_owned();
        }
        fields.entry(name.clone()).or_default().push_str(line);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_changed_are_named() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "read by its text")]
        struct Settings {
            listen: &'static str,
            limits: Option<(u32, Vec<u32>)>,
            memory: usize,
        }
        let of = |listen, limits, memory| Settings {
            listen,
            limits,
            memory,
        };
        let old = of("a: b", Some((1, vec![2])), 3);
        assert!(changed_keys(&old, &of("a: b", Some((1, vec![2])), 3)).is_empty());
        assert_eq!(
            changed_keys(&old, &of("a: c", Some((1, vec![2])), 3)),
            ["listen"]
        );
        let changed = of("a: b", Some((1, vec![2, 4])), 5);
        assert_eq!(changed_keys(&old, &changed), ["limits", "memory"]);
    }

    #[test]
    fn a_ledger_is_the_same_by_its_relative_and_its_absolute_path() {
        let of = |path: &std::path::Path| LedgerSettings { path: path.into() };
        let relative = std::path::Path::new("data/tollgate.db");
        let absolute = std::path::absolute(relative).unwrap();
        assert!(same_ledger(&of(relative), &of(&absolute)));
        assert!(!same_ledger(&of(relative), &of("data/other.db".as_ref())));
    }
}
