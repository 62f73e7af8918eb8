//! A watcher over a ledger in memory, with the time of the test.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::manifest;
use crate::settings::Manifest;
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};
use tollgate_ledger::{AlertChange, AlertStore, LastingAlert, LedgerError};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// A ledger that keeps alerts as the real one does.
#[derive(Default)]
struct Store {
    lasting: Mutex<BTreeMap<String, LastingAlert>>,
    memory: Mutex<Option<String>>,
    told: Mutex<Vec<(bool, String)>>,
    notices: Mutex<usize>,
    fails: Mutex<bool>,
}

impl AlertStore for Store {
    fn alerts(&self) -> Result<Vec<LastingAlert>, LedgerError> {
        Ok(self.lasting.lock().values().cloned().collect())
    }

    fn alert_memory(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.memory.lock().clone())
    }

    fn change_alerts(
        &self,
        changes: Vec<AlertChange>,
        memory: String,
    ) -> Result<Vec<bool>, LedgerError> {
        if *self.fails.lock() {
            return Err(LedgerError::Busy);
        }
        *self.memory.lock() = Some(memory);
        let mut lasting = self.lasting.lock();
        let apply = |change: AlertChange| {
            let key = change.alert.key.clone();
            self.told.lock().push((change.starts, key.clone()));
            *self.notices.lock() += change.notices.len();
            match change.starts {
                true => lasting.insert(key, change.alert).is_none(),
                false => lasting.remove(&key).is_some(),
            }
        };
        Ok(changes.into_iter().map(apply).collect())
    }
}

/// What is told: `+key` for a start, `-key` for an end.
impl Store {
    fn told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock());
        let sign = |starts| if starts { '+' } else { '-' };
        told.into_iter()
            .map(|(starts, key)| format!("{}{key}", sign(starts)))
            .collect()
    }
}

fn read(alerts: &str) -> Manifest {
    let text = format!(
        "version = 1\n[sources.stripe]\npath = \"/s\"\nscheme = \"stripe\"\nsecrets = [\"whsec_a\"]\n\
         [handlers.guest]\ncomponent = \"g.wasm\"\n\
         [alert_receivers.ops]\nformat = \"json\"\nurl = \"https://ops.example/hook\"\n{alerts}"
    );
    manifest::parse(&text, "t.toml".as_ref(), &|_| None).unwrap()
}

/// Facts at a time after the beginning.
fn facts(after: Duration) -> Facts {
    let now = 1_700_000_000_000 + after.as_millis() as u64;
    Facts {
        now: WallTime::from_millis(now),
        steady: SteadyTime::from_millis(now),
        gateway: "here".to_owned(),
        sources: vec![SourceFacts {
            name: SourceName::new("stripe"),
            events: 0,
            acknowledged: 0,
            refused: 0,
            secrets: vec![None],
        }],
        handlers: vec![HandlerFacts {
            name: HandlerName::new("guest"),
            breaker_open: false,
            rolled_back: false,
        }],
        died: Some(0),
        backlog_age: Duration::ZERO,
        certificates: Vec::new(),
        disk_free: Some(0.5),
        reload_failing: false,
    }
}

/// A watcher with its manifest and its ledger.
struct Watching {
    manifest: Manifest,
    store: Store,
    watcher: Watcher,
}

impl Watching {
    fn of(alerts: &str) -> Self {
        let store = Store::default();
        Self {
            manifest: read(alerts),
            watcher: Watcher::open(&store).unwrap(),
            store,
        }
    }

    fn restart(&mut self) {
        self.watcher = Watcher::open(&self.store).unwrap();
    }

    fn look(&mut self, facts: &Facts) -> Vec<String> {
        // A ledger that cannot be written is no failure of the watcher.
        let _ = self.watcher.look(&self.manifest.alerts, facts, &self.store);
        self.store.told()
    }
}

#[test]
fn a_breaker_is_told_once_and_its_end_after_a_quiet_while() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"breaker_open\"\n");
    let at = |seconds: u64, open| {
        let mut facts = facts(Duration::from_secs(seconds));
        facts.handlers[0].breaker_open = open;
        facts
    };
    assert!(of.look(&at(0, false)).is_empty());
    assert_eq!(of.look(&at(2, true)), ["+breaker_open/guest"]);
    assert!(of.look(&at(4, true)).is_empty(), "once");
    assert!(of.look(&at(6, false)).is_empty());
    assert!(of.look(&at(30, true)).is_empty(), "it came back");
    assert!(of.look(&at(60, false)).is_empty());
    assert!(of.look(&at(119, false)).is_empty());
    assert_eq!(of.look(&at(120, false)), ["-breaker_open/guest"]);
    assert_eq!(
        of.look(&at(122, true)),
        ["+breaker_open/guest"],
        "a new one"
    );
    assert_eq!(*of.store.notices.lock(), 3);
}

#[test]
fn a_restart_tells_nothing_twice_and_loses_nothing() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"dead_letters\"\nquiet = \"0s\"\n");
    let at = |after, died| Facts {
        died: Some(died),
        ..facts(after)
    };
    assert!(
        of.look(&at(MINUTE, 7)).is_empty(),
        "what was before is no news"
    );
    assert!(of.look(&at(MINUTE * 2, 7)).is_empty());
    // Deaths of the last seconds before the process ends.
    of.restart();
    assert_eq!(of.look(&at(MINUTE * 3, 9)), ["+dead_letters"]);
    of.restart();
    assert!(of.look(&at(MINUTE * 4, 9)).is_empty());
    assert!(of.look(&at(MINUTE * 61, 9)).is_empty());
    of.restart();
    assert_eq!(of.look(&at(MINUTE * 64, 9)), ["-dead_letters"]);
}

#[test]
fn a_ledger_that_cannot_be_written_loses_no_alert() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"disk_full\"\nfree = 0.2\nquiet = \"2s\"\n");
    let at = |seconds, free| Facts {
        disk_free: Some(free),
        ..facts(Duration::from_secs(seconds))
    };
    *of.store.fails.lock() = true;
    assert!(of.look(&at(0, 0.1)).is_empty());
    *of.store.fails.lock() = false;
    assert_eq!(of.look(&at(2, 0.1)), ["+disk_full"]);
    assert!(of.look(&at(4, 0.3)).is_empty());
    *of.store.fails.lock() = true;
    assert!(of.look(&at(6, 0.3)).is_empty());
    *of.store.fails.lock() = false;
    assert_eq!(
        of.look(&at(8, 0.3)),
        ["-disk_full"],
        "it was over for long enough before"
    );
}

/// Looks every half minute, from one time to another. Returns what is told.
fn looks(of: &mut Watching, minutes: std::ops::Range<u32>, events: u64) -> Vec<String> {
    let half_minutes = minutes.start * 2..minutes.end * 2;
    let told = half_minutes.flat_map(|half| {
        let mut facts = facts(MINUTE / 2 * half);
        facts.sources[0].events = events;
        of.look(&facts)
    });
    told.collect()
}

#[test]
fn a_silent_source_is_told_by_a_set_time() {
    let mut of =
        Watching::of("[[alerts]]\nwhen = \"source_silent\"\nafter = \"2h\"\nquiet = \"0s\"\n");
    assert!(looks(&mut of, 0..60, 5).is_empty());
    // Down for two hours: nobody could hear the source.
    of.restart();
    assert!(looks(&mut of, 180..238, 0).is_empty());
    assert_eq!(looks(&mut of, 238..300, 0), ["+source_silent/stripe"]);
    assert_eq!(looks(&mut of, 300..301, 1), ["-source_silent/stripe"]);
}

#[test]
fn a_silent_source_is_told_by_its_own_past() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"source_silent\"\nquiet = \"0s\"\n");
    // An event every six hours, for four days.
    for hours in (0..96).step_by(6) {
        let events = 1 + u64::from(hours / 6);
        assert!(looks(&mut of, hours * 60..(hours + 6) * 60, events).is_empty());
    }
    assert!(looks(&mut of, 96 * 60..101 * 60, 16).is_empty());
    let told = looks(&mut of, 101 * 60..103 * 60, 16);
    assert_eq!(told, ["+source_silent/stripe"], "after twice six hours");
}

#[test]
fn rejections_count_by_their_share_of_the_last_while() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"rejections\"\nquiet = \"0s\"\n");
    let at = |after, acknowledged, refused| {
        let mut facts = facts(after);
        (facts.sources[0].acknowledged, facts.sources[0].refused) = (acknowledged, refused);
        facts
    };
    assert!(of.look(&at(MINUTE, 0, 19)).is_empty(), "too few");
    assert_eq!(of.look(&at(MINUTE * 2, 0, 20)), ["+rejections/stripe"]);
    assert_eq!(of.look(&at(MINUTE * 3, 20, 20)), ["-rejections/stripe"]);
    assert!(
        of.look(&at(MINUTE * 60, 20, 39)).is_empty(),
        "the past is over"
    );
}

#[test]
fn ends_of_secrets_and_certificates_are_told_before() {
    let mut of = Watching::of(
        "[[alerts]]\nwhen = \"secret_expires\"\n[[alerts]]\nwhen = \"certificate_expires\"\n",
    );
    let mut soon = facts(MINUTE);
    let day = HOUR * 24;
    soon.sources[0].secrets = vec![None, Some(soon.now + day * 7)];
    soon.certificates = vec![
        ("a.example".to_owned(), soon.now + day * 14),
        ("b.example".to_owned(), soon.now + day * 15),
    ];
    assert_eq!(
        of.look(&soon),
        ["+secret_expires/stripe/2", "+certificate_expires/a.example"]
    );
}

#[test]
fn an_alert_that_leaves_the_manifest_ends() {
    let mut of =
        Watching::of("[[alerts]]\nwhen = \"reload_failing\"\n[[alerts]]\nwhen = \"backlog_age\"\n");
    let mut bad = facts(MINUTE);
    bad.reload_failing = true;
    bad.backlog_age = HOUR;
    assert_eq!(of.look(&bad), ["+reload_failing", "+backlog_age"]);
    of.manifest = read("[[alerts]]\nwhen = \"backlog_age\"\n");
    bad.steady = bad.steady + MINUTE;
    assert_eq!(of.look(&bad), ["-reload_failing"]);
    assert_eq!(*of.store.notices.lock(), 3, "its receiver is told");
}

#[test]
fn one_look_changes_a_bounded_number_of_alerts() {
    let mut of = Watching::of("[[alerts]]\nwhen = \"rolled_back\"\n");
    let mut bad = facts(MINUTE);
    bad.handlers = (0..250)
        .map(|n| HandlerFacts {
            name: HandlerName::new(format!("h{n}")),
            breaker_open: false,
            rolled_back: true,
        })
        .collect();
    assert_eq!(of.look(&bad).len(), 100);
    assert_eq!(of.look(&bad).len(), 100);
    assert_eq!(of.look(&bad).len(), 50);
    assert!(of.look(&bad).is_empty());
}
