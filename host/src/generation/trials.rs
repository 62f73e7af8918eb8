//! The list of components that are on trial or rolled back, on disk beside the last good
//! generation, so that a restart knows the list.
//!
//! A component that replaces another in the file is on trial until the dispatcher has seen enough
//! runs (`dispatch/trial.rs`). A component that fails is kept out until its file changes: the
//! component before serves in its place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::generation::component_status::{Cause, ComponentStatus, RolledBack, Said};
use tollgate_base::event::ComponentDigest;
use tollgate_base::files::{read_regular, write_atomically};
use tollgate_base::time::WallTime;

/// The most bytes of the list: far more than any manifest has handlers.
const MAX_SIZE: usize = 64 << 20;

/// The trials by handler.
#[derive(Debug)]
pub(crate) struct Trials {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// The trial of a handler's component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The digest of the component, in hex.
    component: String,
    /// The digest of the trusted component that served before, in hex.
    before: String,
    /// The failure of the trial; `None` while the component is on trial.
    failed: Option<Failed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failed {
    at_ms: WallTime,
    broke: usize,
    of: usize,
    /// The operator who has rolled the handler back; the counts are 0 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<Said>,
}

impl Trials {
    /// Reads the trials in `folder`: no trials if the file is not there.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join("trials.json");
        let entries = match read_regular(&path, MAX_SIZE) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, entries })
    }

    /// The digests in hex of the components that may serve in place of others.
    pub(crate) fn components_before(&self) -> Vec<&str> {
        let entries = self.entries.values();
        entries.map(|entry| entry.before.as_str()).collect()
    }

    /// Writes the trials to the folder.
    pub(crate) fn write(&self) -> io::Result<()> {
        fs::create_dir_all(self.path.parent().unwrap_or(Path::new("")))?;
        write_atomically(&self.path, &serde_json::to_vec_pretty(&self.entries)?)
    }

    /// The status of the component in a handler's file. `served` is the component that served last.
    pub(crate) fn status_of_file(
        &self,
        handler: &str,
        file: ComponentDigest,
        served: Option<ComponentDigest>,
    ) -> ComponentStatus {
        let file = file.to_string();
        match self.entries.get(handler) {
            Some(entry) if entry.component == file => entry.status(),
            // The component to go back to is the trusted one, not one on trial or rolled back.
            Some(entry) => status_after(&file, Some(entry.before.clone())),
            None => status_after(&file, served.map(|served| served.to_string())),
        }
    }

    /// The status of a handler's component in the copy of the last good generation.
    pub(crate) fn status_of_kept(&self, handler: &str, kept: ComponentDigest) -> ComponentStatus {
        let kept = kept.to_string();
        match self.entries.get(handler) {
            Some(entry) if entry.component == kept || entry.failed.is_some() => entry.status(),
            _ => ComponentStatus::Trusted,
        }
    }

    /// Records the status of the component that a handler runs from now on. Returns whether the
    /// list has changed.
    pub(crate) fn record(
        &mut self,
        handler: &str,
        digest: ComponentDigest,
        status: &ComponentStatus,
    ) -> bool {
        match status {
            ComponentStatus::Trusted => self.entries.remove(handler).is_some(),
            ComponentStatus::InPlaceOf(_) => false,
            ComponentStatus::OnTrial { before } => {
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

    /// Records that a component has failed its trial. Returns the roll-back, or `None` if the
    /// component is not on trial any more.
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
        entry.failed = Some(Failed {
            at_ms,
            broke,
            of,
            operator: None,
        });
        entry.rolled_back()
    }

    /// Records that an operator keeps `component` out, and lets `before` serve in its place.
    pub(crate) fn keep_out(
        &mut self,
        handler: &str,
        component: &str,
        before: ComponentDigest,
        (at_ms, said): (WallTime, Said),
    ) -> Option<RolledBack> {
        let entry = Entry {
            component: component.to_owned(),
            before: before.to_string(),
            failed: Some(Failed {
                at_ms,
                broke: 0,
                of: 0,
                operator: Some(said),
            }),
        };
        let rolled_back = entry.rolled_back();
        self.entries.insert(handler.to_owned(), entry);
        rolled_back
    }

    /// Forgets the trial or the roll-back of a handler. Returns whether there was one.
    pub(crate) fn forget(&mut self, handler: &str) -> bool {
        self.entries.remove(handler).is_some()
    }

    /// The digest in hex of the trusted component that served before the one that is on trial.
    pub(crate) fn before_trial(&self, handler: &str) -> Option<&str> {
        let entry = self.entries.get(handler)?;
        entry.failed.is_none().then_some(entry.before.as_str())
    }

    /// Records that a component has passed its trial. Returns whether the component was on trial.
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

    /// The rolled-back components by handler.
    pub(crate) fn rolled_back(&self) -> impl Iterator<Item = (&str, ComponentDigest)> {
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

/// The status of the component in a file that had `before`.
fn status_after(file: &str, before: Option<String>) -> ComponentStatus {
    match before {
        Some(before) if before != file => ComponentStatus::OnTrial { before },
        _ => ComponentStatus::Trusted,
    }
}

impl Entry {
    fn status(&self) -> ComponentStatus {
        match self.rolled_back() {
            None => ComponentStatus::OnTrial {
                before: self.before.clone(),
            },
            Some(rolled_back) => ComponentStatus::InPlaceOf(rolled_back),
        }
    }

    fn rolled_back(&self) -> Option<RolledBack> {
        let failed = self.failed.as_ref()?;
        Some(RolledBack {
            component: self.component.clone(),
            before: self.before.clone(),
            at: failed.at_ms,
            cause: match &failed.operator {
                None => Cause::BrokeDown {
                    broke: failed.broke,
                    of: failed.of,
                },
                Some(said) => Cause::Operator(said.clone()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> ComponentDigest {
        ComponentDigest::of(name.as_bytes())
    }

    fn on_trial(before: &str) -> ComponentStatus {
        ComponentStatus::OnTrial {
            before: digest(before).to_string(),
        }
    }

    /// Where `serves` has replaced `before` and is noted.
    fn trial(folder: &Path, before: &str, serves: &str) -> Trials {
        let mut trials = Trials::read(folder).unwrap();
        let status = trials.status_of_file("h", digest(serves), Some(digest(before)));
        assert_eq!(status, on_trial(before));
        assert!(trials.record("h", digest(serves), &status));
        trials.write().unwrap();
        Trials::read(folder).unwrap()
    }

    #[test]
    fn a_first_or_an_unchanged_component_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let trials = Trials::read(folder.path()).unwrap();
        let of = |served: Option<&str>| trials.status_of_file("h", digest("a"), served.map(digest));
        assert_eq!(
            [of(None), of(Some("a"))],
            [ComponentStatus::Trusted, ComponentStatus::Trusted]
        );
    }

    #[test]
    fn a_trial_outlives_a_restart_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut trials = trial(folder.path(), "a", "b");
        // It has served since, and is still on trial, against the same.
        assert_eq!(
            trials.status_of_file("h", digest("b"), Some(digest("b"))),
            on_trial("a")
        );
        assert_eq!(trials.status_of_kept("h", digest("b")), on_trial("a"));
        assert!(!trials.pass("h", digest("c")), "another one");
        assert!(trials.pass("h", digest("b")));
        let status = trials.status_of_file("h", digest("b"), Some(digest("b")));
        assert_eq!(status, ComponentStatus::Trusted);
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
        let kept_out = ComponentStatus::InPlaceOf(rolled_back);
        assert_eq!(trials.status_of_file("h", digest("b"), served), kept_out);
        assert_eq!(trials.status_of_kept("h", digest("a")), kept_out);
        assert!(!trials.record("h", digest("a"), &kept_out));
        let out: Vec<_> = trials.rolled_back().collect();
        assert_eq!(out, [("h", digest("b"))]);
        // The next version is measured against the trusted one.
        assert_eq!(
            trials.status_of_file("h", digest("c"), served),
            on_trial("a")
        );
        let back = trials.status_of_file("h", digest("a"), served);
        assert_eq!(back, ComponentStatus::Trusted);
        assert!(trials.record("h", digest("a"), &back));
        assert_eq!(trials.rolled_back().count(), 0);
    }

    #[test]
    fn one_that_an_operator_keeps_out_stays_out_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut trials = Trials::read(folder.path()).unwrap();
        assert_eq!(trials.before_trial("h"), None);
        let said = Said {
            who: "ada".into(),
            why: Some("rejects paid orders".into()),
        };
        let at = WallTime::from_millis(7);
        let component = digest("b").to_string();
        let rolled_back = trials
            .keep_out("h", &component, digest("a"), (at, said))
            .unwrap();
        let short = |name| digest(name).to_string()[..12].to_owned();
        assert_eq!(
            rolled_back.to_string(),
            format!(
                "its component {} was rolled back by ada (rejects paid orders) and is kept out \
                 until its file changes; {} serves in its place",
                short("b"),
                short("a")
            )
        );
        trials.write().unwrap();
        let mut trials = Trials::read(folder.path()).unwrap();
        let served = Some(digest("a"));
        let kept_out = ComponentStatus::InPlaceOf(rolled_back);
        assert_eq!(trials.status_of_file("h", digest("b"), served), kept_out);
        assert_eq!(trials.before_trial("h"), None, "no trial");
        assert!(trials.forget("h") && !trials.forget("h"));
        // A new trial.
        assert_eq!(
            trials.status_of_file("h", digest("b"), served),
            on_trial("a")
        );
    }

    #[test]
    fn a_version_that_was_never_trusted_is_not_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let trials = trial(folder.path(), "a", "b");
        assert_eq!(
            trials.status_of_file("h", digest("c"), Some(digest("b"))),
            on_trial("a")
        );
    }
}
