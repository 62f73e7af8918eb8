//! The power goes. What was acknowledged by then is on disk.
//!
//! kill -9 cannot show this, since the system still writes what a killed process handed to
//! it. So a recorder under the gateway notes what the disk is told and what the senders are
//! told, in one order. From that, for many moments, come disks as a power cut may leave them;
//! each is opened and searched for what had been acknowledged. That the audit can fail is
//! shown too: with a recorder that forgets the syncs it must find losses.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::harness::{
    Disk, Entry, Event, Handler, Load, Manifest, Receiver, Recorder, Recording, Site, Target,
    eventually,
};

/// Moments at which the power goes.
const CUTS: usize = 150;
/// Disks that a gateway is started on.
const STARTS: usize = 4;

/// What was found on the disks.
#[derive(Debug, Default)]
struct Findings {
    cuts: usize,
    /// Acknowledgements before the cuts, all of them together.
    acknowledged: usize,
    /// Those of them whose event was not there.
    lost: usize,
    /// Requests that had been sent though they were not in the outbox.
    unexplained: usize,
    /// Disks that SQLite could not read, or found damaged.
    unreadable: usize,
}

fn site(receiver: &Receiver) -> Site {
    Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(100, "10ms")
            .allow(receiver.address),
    ))
}

/// Runs a gateway over the recorder, with two restarts: one in order and one not.
fn record(site: &Site, receiver: &Receiver, ignore: Option<&str>) -> Recording {
    let mut recorder = Recorder::build(site);
    let gateway = recorder.under(site, ignore).start();
    let target = Target::new(gateway.ingress);
    let url = receiver.url("/");
    let load = Load::start(&target, 6, Duration::from_millis(2), move |number| {
        let id = format!("evt_power_{number}");
        let steps = json!([
            { "do": "add", "key": "handled" },
            { "do": "send", "url": url, "body": id },
            { "do": "set", "key": id, "value": { "repeat": "v", "times": 1500 } },
        ]);
        Event::with_id(&id, "test.power", steps)
    });
    let ledger = site.ledger();
    let grows = |by: i64| {
        let from = ledger.events();
        eventually("events come in", || ledger.events() >= from + by);
    };
    grows(150);
    gateway.kill();
    let gateway = recorder.under(site, ignore).start();
    target.set(gateway.ingress);
    grows(150);
    gateway.stop();
    let gateway = recorder.under(site, ignore).start();
    target.set(gateway.ingress);
    grows(100);
    let report = load.finish();
    gateway.kill();
    let recording = recorder.read();
    let seen = recording
        .0
        .iter()
        .filter(|entry| matches!(entry, Entry::Answered { .. }))
        .count();
    assert!(
        seen >= report.acknowledged.len(),
        "the recorder missed acknowledgements"
    );
    recording
}

/// Cuts the power at many moments and looks at what is left.
fn cut(
    recording: &Recording,
    site: &Site,
    cuts: usize,
    mut look: impl FnMut(usize, &Path),
) -> Findings {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut moments: Vec<_> = (0..cuts).map(|_| moment(recording, &mut random)).collect();
    moments.sort_unstable();
    let root = fs::canonicalize(site.path("")).unwrap();
    let left = site.path("left");
    let (mut disk, mut told) = (Disk::default(), Told::default());
    let mut findings = Findings::default();
    let mut happened = 0;
    for (number, moment) in moments.into_iter().enumerate() {
        for entry in &recording.0[happened..moment] {
            disk.apply(entry);
            told.hear(entry);
        }
        happened = moment;
        if left.exists() {
            fs::remove_dir_all(&left).unwrap();
        }
        fs::create_dir_all(left.join("data")).unwrap();
        disk.cut(&root.join("data"), &left.join("data"), &mut random);
        findings.add(&told, &left.join("data/tollgate.db"));
        look(number, &left);
    }
    findings
}

/// Any moment, or, as often, the one just after somebody was told something.
fn moment(recording: &Recording, random: &mut fastrand::Rng) -> usize {
    let all = recording.0.len();
    let any = random.usize(1..=all);
    if random.bool() {
        return any;
    }
    let is_told = |entry: &Entry| matches!(entry, Entry::Answered { .. } | Entry::Sent { .. });
    recording.0[any - 1..]
        .iter()
        .position(is_told)
        .map_or(all, |further| any + further)
}

/// What the world had been told.
#[derive(Default)]
struct Told {
    events: HashSet<String>,
    keys: HashSet<String>,
}

impl Told {
    fn hear(&mut self, entry: &Entry) {
        match entry {
            Entry::Answered { event } => self.events.insert(event.replace('-', "")),
            Entry::Sent { key } => self.keys.insert(key.clone()),
            _ => false,
        };
    }
}

impl Findings {
    fn add(&mut self, told: &Told, database: &Path) {
        self.cuts += 1;
        self.acknowledged += told.events.len();
        match ledger_of(database) {
            Ok((events, keys)) => {
                self.lost += told.events.difference(&events).count();
                self.unexplained += told.keys.difference(&keys).count();
            }
            // Before the first acknowledgement there may be no ledger yet.
            Err(_) if told.events.is_empty() => {}
            Err(error) => {
                println!("{} acknowledged, then: {error}", told.events.len());
                self.unreadable += 1;
                self.lost += told.events.len();
            }
        }
    }
}

/// The ids of the events and the keys of the requests in a ledger that must be whole.
fn ledger_of(database: &Path) -> Result<(HashSet<String>, HashSet<String>), String> {
    let read = || {
        let conn = Connection::open(database)?;
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let column = |sql: &str| {
            conn.prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()
        };
        let events = column("SELECT lower(hex(id)) FROM events")?;
        let keys = column("SELECT key FROM outbox")?;
        Ok::<_, rusqlite::Error>((check, events, keys))
    };
    match read() {
        Ok((check, events, keys)) if check == "ok" => Ok((events, keys)),
        Ok((check, ..)) => Err(check),
        Err(error) => Err(error.to_string()),
    }
}

/// The recorder must have followed every call that changes the ledger's file or its log.
fn assert_followed(recording: &Recording) {
    let mut paths = std::collections::HashMap::new();
    for entry in &recording.0 {
        match entry {
            Entry::Created { file, path } => {
                paths.insert(*file, path.clone());
            }
            Entry::Unknown { file, call } => {
                let path = paths
                    .get(file)
                    .map(|path| path.display().to_string())
                    .unwrap_or_default();
                let matters = path.ends_with("tollgate.db") || path.ends_with("tollgate.db-wal");
                assert!(!matters, "{call} on {path} is not modelled");
            }
            _ => {}
        }
    }
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    let recording = record(&site, &receiver, None);
    assert_followed(&recording);
    let every = CUTS / STARTS;
    let findings = cut(&recording, &site, CUTS, |number, left| {
        if number % every == every - 1 {
            starts_on(&site, left);
        }
    });
    println!("{} entries recorded; {findings:?}", recording.0.len());
    assert!(
        findings.acknowledged > 10 * CUTS,
        "{findings:?} shows nothing"
    );
    assert_eq!(
        (findings.lost, findings.unreadable, findings.unexplained),
        (0, 0, 0),
        "{findings:?}"
    );
}

/// A gateway starts on what is left and handles what it finds there.
fn starts_on(site: &Site, left: &Path) {
    let again = Site::new(&Manifest::new());
    fs::copy(site.manifest_path(), again.manifest_path()).unwrap();
    fs::create_dir(again.path("data")).unwrap();
    for entry in fs::read_dir(left.join("data")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), again.path("data").join(entry.file_name())).unwrap();
    }
    let gateway = again.start();
    gateway.drains();
    let ledger = again.ledger();
    let events = ledger.events();
    assert_eq!(ledger.deliveries_in("guest", "done"), events);
    let handled = ledger
        .state("guest", "handled")
        .unwrap_or_else(|| "0".to_owned());
    assert_eq!(handled, events.to_string());
    gateway.stop();
}

#[test]
fn the_audit_of_power_cuts_finds_missing_syncs() {
    // All syncs, and those of the write-ahead log alone, as `synchronous=NORMAL` leaves out.
    for ignore in ["1", "-wal"] {
        let receiver = Receiver::start();
        let site = site(&receiver);
        let recording = record(&site, &receiver, Some(ignore));
        let findings = cut(&recording, &site, CUTS / 3, |_, _| {});
        println!("without the syncs of {ignore:?}: {findings:?}");
        assert!(findings.lost > 0, "{findings:?}: the audit cannot fail");
    }
}
