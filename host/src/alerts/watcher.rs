//! Decides which alerts start and end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::conditions::findings;
use super::facts::Facts;
use super::memory::Memory;
use super::notice::{About, Change};
use crate::settings::{Alert, Alerts};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{AlertChange, AlertStore, LastingAlert, LedgerError};

/// The most changes of one look. Further ones follow with the next looks.
const CHANGES: usize = 100;
/// The memory is written this often if nothing starts or ends.
const KEEP: Duration = Duration::from_secs(60);

/// Looks at facts and changes alerts in the ledger.
#[derive(Debug)]
pub(crate) struct Watcher {
    memory: Memory,
    /// The alerts that last, by key.
    lasting: BTreeMap<String, LastingAlert>,
    /// When the memory was last written.
    kept: Option<SteadyTime>,
}

impl Watcher {
    /// A watcher that goes on where the last process ended.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn open(ledger: &dyn AlertStore) -> Result<Self, LedgerError> {
        let memory = ledger.alert_memory()?;
        let memory = memory.and_then(|memory| {
            let read = serde_json::from_str(&memory);
            read.inspect_err(|error| {
                tracing::warn!(%error, "what alerts knew of the past cannot be read: they begin anew");
            })
            .ok()
        });
        Ok(Self {
            memory: memory.unwrap_or_default(),
            lasting: by_key(ledger.alerts()?),
            kept: None,
        })
    }

    /// The alerts that last.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &LastingAlert> {
        self.lasting.values()
    }

    /// Looks at the facts. What starts or ends is in the ledger afterwards, with its notices.
    ///
    /// # Errors
    /// The ledger cannot be written. The next look tries the same again.
    pub(crate) fn look(
        &mut self,
        alerts: &Alerts,
        facts: &Facts,
        ledger: &dyn AlertStore,
    ) -> Result<(), LedgerError> {
        if alerts.alerts.is_empty() && self.lasting.is_empty() {
            // Nobody needs the memory.
            return Ok(());
        }
        self.memory.note(&alerts.alerts, facts);
        let changes = self.changes(&alerts.alerts, facts);
        let is_fresh = |kept: SteadyTime| facts.steady.since(kept) < KEEP;
        if changes.is_empty() && self.kept.is_some_and(is_fresh) {
            return Ok(());
        }
        let prepared: Vec<AlertChange> = changes
            .iter()
            .map(|change| change.for_ledger(alerts, facts))
            .collect();
        let told: Vec<_> = prepared.iter().map(|change| change.alert.clone()).collect();
        let memory = serde_json::to_string(&self.memory).unwrap_or_default();
        let changed = ledger.change_alerts(prepared, memory)?;
        self.kept = Some(facts.steady);
        for ((change, alert), changed) in changes.into_iter().zip(told).zip(changed) {
            if changed {
                tell(&change);
            }
            self.memory.over_since.remove(&change.key);
            match change.starts {
                true => self.lasting.insert(alert.key.clone(), alert),
                false => self.lasting.remove(&alert.key),
            };
        }
        Ok(())
    }

    /// What starts and what ends.
    fn changes(&mut self, alerts: &[Alert], facts: &Facts) -> Vec<Change> {
        let mut found = BTreeSet::new();
        let mut changes = Vec::new();
        for alert in alerts {
            for finding in findings(alert, facts, &self.memory) {
                let key = key(alert, &finding.subject);
                self.memory.over_since.remove(&key);
                if !self.lasting.contains_key(&key) {
                    changes.push(Change {
                        key: key.clone(),
                        since: facts.now,
                        starts: true,
                        about: About::new(alert, finding),
                    });
                }
                found.insert(key);
            }
        }
        for lasting in self.lasting.values() {
            if !found.contains(&lasting.key)
                && let Some(change) = ends(&mut self.memory, alerts, lasting, facts.steady)
            {
                changes.push(change);
            }
        }
        changes.truncate(CHANGES);
        changes
    }
}

fn by_key(lasting: Vec<LastingAlert>) -> BTreeMap<String, LastingAlert> {
    let lasting = lasting.into_iter();
    lasting.map(|alert| (alert.key.clone(), alert)).collect()
}

/// What identifies an alert about a subject.
fn key(alert: &Alert, subject: &str) -> String {
    match subject {
        "" => alert.name.clone(),
        subject => format!("{}/{subject}", alert.name),
    }
}

/// The end of an alert whose condition is over, if it has been over for long enough.
fn ends(
    memory: &mut Memory,
    alerts: &[Alert],
    lasting: &LastingAlert,
    now: SteadyTime,
) -> Option<Change> {
    let about: About = serde_json::from_str(&lasting.text).ok()?;
    let alert = alerts.iter().find(|alert| alert.name == about.alert);
    // An alert that left the manifest ends at once.
    if let Some(alert) = alert {
        let since = memory.over_since.entry(lasting.key.clone());
        let since = SteadyTime::from_millis(*since.or_insert(now.as_millis()));
        if now.since(since) < alert.quiet {
            return None;
        }
    }
    Some(Change {
        key: lasting.key.clone(),
        since: lasting.since,
        starts: false,
        about,
    })
}

/// Tells the log.
fn tell(change: &Change) {
    let About { alert, text, .. } = &change.about;
    match change.starts {
        true => tracing::warn!(alert, "an alert starts: {text}"),
        false => tracing::info!(alert, "an alert is over: {text}"),
    }
}
