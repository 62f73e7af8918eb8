//! What a watcher keeps in mind, also over a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::{Facts, SourceFacts};
use super::rhythm::Rhythm;
use super::window::Window;
use crate::settings::{Alert, Condition};
use tollgate_base::time::SteadyTime;

/// More time than this between two looks means that the gateway did not run.
const DOWN: Duration = Duration::from_secs(30);

/// What a watcher keeps in mind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The last look, by the steady clock, in milliseconds.
    at: Option<u64>,
    /// The ledger's count of dead deliveries at the last look.
    died: Option<u64>,
    rhythms: BTreeMap<String, Rhythm>,
    /// The counts of alerts about the last while, by key.
    windows: BTreeMap<String, Window>,
    /// Since when the condition of an alert that lasts is over, by key.
    pub(super) over_since: BTreeMap<String, u64>,
    /// The counts of each source at the last look. They begin anew with each process.
    #[serde(skip)]
    seen: BTreeMap<String, Seen>,
}

/// The counts of a source at the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    events: u64,
    acknowledged: u64,
    refused: u64,
}

impl Memory {
    /// Takes the facts in.
    pub(super) fn note(&mut self, alerts: &[Alert], facts: &Facts) {
        let now = facts.steady;
        let last = self.at.map(SteadyTime::from_millis);
        let passed = last.map_or(Duration::ZERO, |last| now.since(last));
        if passed > DOWN {
            let rhythms = self.rhythms.values_mut();
            rhythms.for_each(|rhythm| rhythm.was_down(passed));
        }
        self.at = Some(now.as_millis());
        let died = self.newly_died(facts);
        let mut windows = std::mem::take(&mut self.windows);
        // Windows of alerts that left the manifest go.
        for alert in alerts {
            match &alert.when {
                Condition::DeadLetters { within, .. } => {
                    let mut window = windows.remove(&alert.name).unwrap_or_default();
                    window.add(now, *within, (died, 0));
                    self.windows.insert(alert.name.clone(), window);
                }
                Condition::Rejections { within, .. } => {
                    for source in &facts.sources {
                        let key = window_key(alert, source);
                        let mut window = windows.remove(&key).unwrap_or_default();
                        window.add(now, *within, self.requests_since(source));
                        self.windows.insert(key, window);
                    }
                }
                _ => {}
            }
        }
        self.hear(facts);
    }

    /// The deliveries that died since the last look, of this process or of one before.
    fn newly_died(&mut self, facts: &Facts) -> u64 {
        let Some(died) = facts.died else { return 0 };
        // The first look of all tells nothing of what was before.
        let before = self.died.replace(died).unwrap_or(died);
        died.saturating_sub(before)
    }

    /// The acknowledged and refused requests since the last look.
    fn requests_since(&self, source: &SourceFacts) -> (u64, u64) {
        let seen = self.seen.get(source.name.as_str());
        let seen = seen.copied().unwrap_or_default();
        (
            source.acknowledged.saturating_sub(seen.acknowledged),
            source.refused.saturating_sub(seen.refused),
        )
    }

    /// Notes which sources were heard since the last look. Forgets sources that have left.
    fn hear(&mut self, facts: &Facts) {
        let mut rhythms = std::mem::take(&mut self.rhythms);
        let mut seen = BTreeMap::new();
        for source in &facts.sources {
            let name = source.name.to_string();
            let before = self.seen.get(&name).copied().unwrap_or_default();
            let known = rhythms.remove(&name);
            let mut rhythm = known.unwrap_or_else(|| Rhythm::new(facts.steady));
            if source.events > before.events {
                rhythm.heard(facts.steady);
            }
            let now = Seen {
                events: source.events,
                acknowledged: source.acknowledged,
                refused: source.refused,
            };
            self.rhythms.insert(name.clone(), rhythm);
            seen.insert(name, now);
        }
        self.seen = seen;
    }

    /// The rhythm of a source.
    pub(super) fn rhythm(&self, source: &SourceFacts) -> Option<&Rhythm> {
        self.rhythms.get(source.name.as_str())
    }

    /// The dead letters of an alert's last while.
    pub(super) fn dead_letters(&self, alert: &Alert) -> u64 {
        let window = self.windows.get(&alert.name);
        window.map_or(0, |window| window.counts().0)
    }

    /// The acknowledged and refused requests of an alert's last while.
    pub(super) fn requests(&self, alert: &Alert, source: &SourceFacts) -> (u64, u64) {
        let window = self.windows.get(&window_key(alert, source));
        window.map_or((0, 0), Window::counts)
    }
}

fn window_key(alert: &Alert, source: &SourceFacts) -> String {
    format!("{}/{}", alert.name, source.name)
}
