//! Which components are on trial, and which failed theirs and are kept out: on disk
//! beside the last good generation, so that a restart knows.
//!
//! A component whose file replaces another's is on trial until the dispatcher has seen
//! enough of it (see `dispatch/trial.rs`). One that fails is kept out until its file
//! changes: the one before serves in its place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::generation::{RolledBack, Standing};
use tollgate_base::event::ComponentDigest;
use tollgate_base::files::write_atomically;
use tollgate_base::time::WallTime;

/// The trials, by handler.
#[derive(Debug)]
pub(crate) struct Trials {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// A handler whose component is on trial or has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The component, as its digest in hex.
    component: String,
    /// The one that served before and is trusted.
    before: String,
    /// How it failed, if it has.
    failed: Option<Failed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Failed {
    at_ms: WallTime,
    broke: usize,
    of: usize,
}

impl Trials {
    /// The trials in `folder`; none if nothing was ever written there.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join("trials.json");
        let entries = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, entries })
    }

    /// The components that may have to serve in place of others, as their digests in hex.
    pub(crate) fn befores(&self) -> Vec<&str> {
        let entries = self.entries.values();
        entries.map(|entry| entry.before.as_str()).collect()
    }

    /// Writes them down.
    pub(crate) fn write(&self) -> io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new("")))?;
        write_atomically(&self.path, &serde_json::to_vec_pretty(&self.entries)?)
    }

    /// How the component in a handler's file stands, where `served` served last.
    pub(crate) fn of_file(
        &self,
        handler: &str,
        file: ComponentDigest,
        served: Option<ComponentDigest>,
    ) -> Standing {
        let file = file.to_string();
        match self.entries.get(handler) {
            Some(entry) if entry.component == file => entry.standing(),
            // What is on trial or has failed is not what to go back to.
            Some(entry) => next(&file, Some(entry.before.clone())),
            None => next(&file, served.map(|served| served.to_string())),
        }
    }

    /// How a component stands that was kept as part of the last good generation.
    pub(crate) fn of_kept(&self, handler: &str, kept: ComponentDigest) -> Standing {
        let kept = kept.to_string();
        match self.entries.get(handler) {
            Some(entry) if entry.component == kept || entry.failed.is_some() => entry.standing(),
            _ => Standing::Trusted,
        }
    }

    /// Notes how the component that a handler runs from now on stands. Returns whether
    /// that is news.
    pub(crate) fn note(
        &mut self,
        handler: &str,
        digest: ComponentDigest,
        standing: &Standing,
    ) -> bool {
        match standing {
            Standing::Trusted => self.entries.remove(handler).is_some(),
            Standing::InPlaceOf(_) => false,
            Standing::OnTrial { before } => {
                let entry = Entry {
                    component: digest.to_string(),
                    before: before.clone(),
                    failed: None,
                };
                let old = self.entries.insert(handler.to_owned(), entry.clone());
                old.as_ref() != Some(&entry)
            }
        }
    }

    /// A component has failed its trial. What is to serve in its place, unless it is not
    /// on trial any more.
    pub(crate) fn fail(
        &mut self,
        handler: &str,
        component: ComponentDigest,
        at_ms: WallTime,
        (broke, of): (usize, usize),
    ) -> Option<RolledBack> {
        let entry = self.entries.get_mut(handler)?;
        if entry.component != component.to_string() {
            return None;
        }
        entry.failed = Some(Failed { at_ms, broke, of });
        match entry.standing() {
            Standing::InPlaceOf(rolled_back) => Some(rolled_back),
            _ => None,
        }
    }

    /// A component has passed its trial. Returns whether it was on one.
    pub(crate) fn pass(&mut self, handler: &str, component: ComponentDigest) -> bool {
        let on_trial = self
            .entries
            .get(handler)
            .is_some_and(|entry| entry.component == component.to_string());
        if on_trial {
            self.entries.remove(handler);
        }
        on_trial
    }

    /// The components that are kept out, by handler.
    pub(crate) fn kept_out(&self) -> impl Iterator<Item = (&str, ComponentDigest)> {
        let failed = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.failed.is_some());
        failed.filter_map(|(handler, entry)| {
            let digest = ComponentDigest::from_hex(&entry.component)?;
            Some((handler.as_str(), digest))
        })
    }
}

/// How a component stands whose file has replaced that of `before`.
fn next(file: &str, before: Option<String>) -> Standing {
    match before {
        Some(before) if before != file => Standing::OnTrial { before },
        _ => Standing::Trusted,
    }
}

impl Entry {
    fn standing(&self) -> Standing {
        let before = self.before.clone();
        match self.failed {
            None => Standing::OnTrial { before },
            Some(Failed { at_ms, broke, of }) => Standing::InPlaceOf(RolledBack {
                component: self.component.clone(),
                before,
                at: at_ms,
                broke,
                of,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> ComponentDigest {
        ComponentDigest::of(name.as_bytes())
    }

    fn on_trial(before: &str) -> Standing {
        Standing::OnTrial {
            before: digest(before).to_string(),
        }
    }

    /// Where `serves` has replaced `before` and is noted.
    fn trial(folder: &Path, before: &str, serves: &str) -> Trials {
        let mut trials = Trials::read(folder).unwrap();
        let standing = trials.of_file("h", digest(serves), Some(digest(before)));
        assert_eq!(standing, on_trial(before));
        assert!(trials.note("h", digest(serves), &standing));
        trials.write().unwrap();
        Trials::read(folder).unwrap()
    }

    #[test]
    fn a_first_or_an_unchanged_component_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let trials = Trials::read(folder.path()).unwrap();
        let of = |served: Option<&str>| trials.of_file("h", digest("a"), served.map(digest));
        assert_eq!(
            [of(None), of(Some("a"))],
            [Standing::Trusted, Standing::Trusted]
        );
    }

    #[test]
    fn a_trial_outlives_a_restart_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut trials = trial(folder.path(), "a", "b");
        // It has served since, and is still on trial, against the same.
        assert_eq!(
            trials.of_file("h", digest("b"), Some(digest("b"))),
            on_trial("a")
        );
        assert_eq!(trials.of_kept("h", digest("b")), on_trial("a"));
        assert!(!trials.pass("h", digest("c")), "another one");
        assert!(trials.pass("h", digest("b")));
        let standing = trials.of_file("h", digest("b"), Some(digest("b")));
        assert_eq!(standing, Standing::Trusted);
    }

    #[test]
    fn one_that_failed_is_kept_out_until_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let mut trials = trial(folder.path(), "a", "b");
        let at = WallTime::from_millis(7);
        assert_eq!(trials.fail("h", digest("other"), at, (5, 6)), None);
        let rolled_back = trials.fail("h", digest("b"), at, (5, 6)).unwrap();
        assert_eq!(rolled_back.before, digest("a").to_string());
        trials.write().unwrap();
        let mut trials = Trials::read(folder.path()).unwrap();
        let served = Some(digest("a"));
        let kept_out = Standing::InPlaceOf(rolled_back);
        assert_eq!(trials.of_file("h", digest("b"), served), kept_out);
        assert_eq!(trials.of_kept("h", digest("a")), kept_out);
        assert!(!trials.note("h", digest("a"), &kept_out));
        let out: Vec<_> = trials.kept_out().collect();
        assert_eq!(out, [("h", digest("b"))]);
        // The next version is measured against the trusted one.
        assert_eq!(trials.of_file("h", digest("c"), served), on_trial("a"));
        let back = trials.of_file("h", digest("a"), served);
        assert_eq!(back, Standing::Trusted);
        assert!(trials.note("h", digest("a"), &back));
        assert_eq!(trials.kept_out().count(), 0);
    }

    #[test]
    fn a_version_that_was_never_trusted_is_not_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let trials = trial(folder.path(), "a", "b");
        assert_eq!(
            trials.of_file("h", digest("c"), Some(digest("b"))),
            on_trial("a")
        );
    }
}
