//! No acknowledged event is lost and nothing happens twice, whatever ends the process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use serde_json::json;

use crate::harness::{
    DiskFault, Event, FailingDisk, Gateway, Handler, Launch, Load, LoadReport, Manifest, Receiver,
    Site, Target, audit_counted, counted_event, counting_site, eventually, skip,
};

/// The number of kills, unless the environment sets another.
const ROUNDS: u32 = if cfg!(debug_assertions) { 25 } else { 50 };

#[test]
fn kill_9_in_a_loop_under_load_loses_and_repeats_nothing() {
    let rounds = std::env::var("TOLLGATE_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let mut gateway = site.start();
    let target = Target::new(gateway.ingress);
    let url = receiver.url("/");
    let load = Load::start(&target, 8, Duration::from_millis(3), move |n| {
        counted_event(n, &url)
    });
    let seed = fastrand::u64(..);
    println!("{rounds} rounds, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..rounds {
        // The random moment matters here, so the test waits for time to pass.
        std::thread::sleep(Duration::from_millis(random.u64(20..500)));
        gateway.kill();
        gateway = site.start();
        target.set(gateway.ingress);
    }
    let report = load.finish();
    gateway.drains();
    assert!(
        report.acknowledged.len() > 10 * rounds as usize,
        "{report:?} is no load"
    );
    audit_counted(&site.ledger(), &receiver, &report);
    gateway.stop();
}

#[test]
fn a_graceful_end_under_load_loses_and_refuses_little() {
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let mut gateway = site.start();
    let target = Target::new(gateway.ingress);
    let url = receiver.url("/");
    let load = Load::start(&target, 8, Duration::from_millis(2), move |n| {
        counted_event(n, &url)
    });
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(300));
        gateway.stop();
        gateway = site.start();
        target.set(gateway.ingress);
    }
    let report = load.finish();
    gateway.drains();
    let ledger = site.ledger();
    audit_counted(&ledger, &receiver, &report);
    assert_eq!(
        ledger.count("SELECT count(*) FROM attempts WHERE outcome = 'crash'", []),
        0
    );
    assert_eq!(
        receiver.requests().len(),
        receiver.effects(),
        "no request was sent twice"
    );
}

#[test]
fn a_guest_under_way_at_a_kill_has_used_an_attempt() {
    let manifest = Manifest::with_one(
        Handler::new("guest")
            .retry(3, "10ms")
            .set("timeout = \"60s\""),
    );
    let site = Site::new(&manifest);
    let event = Event::new("test.loop", json!({ "do": "loop" }));
    // A run counts once its note is on disk, a moment after the dispatcher handed it out.
    let noted = || std::fs::read(site.path("data/tollgate.db.running")).unwrap_or_default();
    let runs = |gateway: &Gateway| {
        eventually("it runs", || {
            gateway.status_at("/generation/handlers/guest/running") == 1
                && noted().iter().any(|byte| *byte != 0)
        });
    };
    let gateway = site.start();
    gateway.accepts(&event);
    runs(&gateway);
    gateway.kill();
    let ledger = site.ledger();
    for crashes in 1..3 {
        let gateway = site.start();
        runs(&gateway);
        let attempts = ledger.attempts(&event.id, "guest");
        assert_eq!(attempts.len(), crashes, "{attempts:?}");
        assert!(
            attempts.iter().all(|attempt| attempt.outcome == "crash"),
            "{attempts:?}"
        );
        gateway.kill();
    }
    // The third crash used the last attempt.
    let gateway = site.start();
    gateway.settles();
    assert_eq!(ledger.delivery(&event.id, "guest"), "dead");
    assert_eq!(ledger.attempts(&event.id, "guest").len(), 3);
}

#[test]
fn one_process_a_ledger_and_any_number_of_readers() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    let Err((status, stderr)) = Launch::new(&site).try_start() else {
        panic!("a second process must be refused");
    };
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("tollgate.db"), "{stderr}");
    assert_eq!(site.ledger().events(), 1, "readers are welcome");
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    assert_eq!(site.ledger().events(), 2);
    // After a kill, the lock is free at once.
    gateway.kill();
    site.start().stop();
}

/// A small file system in memory.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&at)
            .output()
            .ok()?;
        mounted.status.success().then(|| Self(at))
    }

    /// Remounts the file system as `ro` or `rw`.
    #[track_caller]
    fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{how}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // The lazy unmount also works while a gateway of a failed test has files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let Some(disk) = Tmpfs::mount(site.path("data"), "48m") else {
        return skip("mounting a small file system needs root");
    };
    let gateway = site.start();
    let url = receiver.url("/");
    let mut report = LoadReport::default();
    let mut number = 0;
    let mut next = || {
        number += 1;
        counted_event(number, &url)
    };
    let accept = |event: &Event, report: &mut LoadReport| {
        let id = gateway.accepts(event);
        report.acknowledged.push((event.id.clone(), id));
    };
    for _ in 0..20 {
        accept(&next(), &mut report);
    }
    for _ in 0..2 {
        let filler = disk.0.join("filler");
        fill(&filler);
        let mut refused = 0;
        // Free space within the ledger's file takes some more events.
        for _ in 0..3000 {
            let event = next();
            let answer = gateway.post(&event);
            match answer.status {
                200 => {
                    let id = answer.header("tollgate-event-id").unwrap().to_owned();
                    report.acknowledged.push((event.id, id));
                }
                503 => {
                    let after: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..=60).contains(&after), "{after}");
                    report.refused.push(503);
                    refused += 1;
                }
                status => panic!("{status}"),
            }
            if refused == 10 {
                break;
            }
        }
        assert_eq!(refused, 10, "the disk is not full: this shows nothing");
        assert_eq!(gateway.status_at("/ledger/writable"), false);
        fs::remove_file(&filler).unwrap();
        eventually("it takes events again", || {
            let event = next();
            let answer = gateway.post(&event);
            if answer.status == 200 {
                let id = answer.header("tollgate-event-id").unwrap().to_owned();
                report.acknowledged.push((event.id, id));
            }
            answer.status == 200
        });
        accept(&next(), &mut report);
        assert_eq!(gateway.status_at("/ledger/writable"), true);
    }
    gateway.drains();
    audit_counted(&site.ledger(), &receiver, &report);
    gateway.stop();
    drop(disk);
}

#[test]
fn a_read_only_disk_is_told_at_the_start() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let Some(disk) = Tmpfs::mount(site.path("data"), "24m") else {
        return skip("mounting a small file system needs root");
    };
    let event = Event::new("test.done", json!({ "do": "done" }));
    let gateway = site.start();
    gateway.accepts(&event);
    gateway.settles();
    gateway.stop();
    disk.remount("ro");
    let Err((status, stderr)) = Launch::new(&site).try_start() else {
        panic!("it cannot keep anything there");
    };
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("tollgate.db"), "{stderr}");
    assert!(stderr.to_lowercase().contains("read-only"), "{stderr}");
    disk.remount("rw");
    let gateway = site.start();
    gateway.accepts(&event);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 1);
    gateway.stop();
}

/// After a failed write or sync, the contents of the disk are unknown. The process ends and
/// reports the reason.
#[test]
fn a_disk_that_fails_ends_the_process_and_loses_nothing() {
    let receiver = Receiver::start();
    let site = counting_site(&receiver);
    let disk = FailingDisk::new(&site);
    let gateway = disk.under(&site).start();
    let url = receiver.url("/");
    let target = Target::new(gateway.ingress);
    let load = Load::start(&target, 8, Duration::ZERO, move |number| {
        counted_event(number, &url)
    });
    let faults = [
        // The fault of a file system that turned read-only, as some do after an error.
        (Some(Errno::ROFS), None),
        (Some(Errno::IO), None),
        (None, Some(Errno::IO)),
    ];
    let mut gateway = Some(gateway);
    for (write, sync) in faults {
        let mut serving = gateway.take().unwrap();
        let recorded = || serving.status_at("/ledger/events").as_i64().unwrap();
        let before = recorded();
        eventually("it has work", || recorded() > before + 100);
        disk.fails(DiskFault { write, sync });
        assert!(serving.ends_within(Duration::from_secs(40)), "{write:?}");
        let said = serving.stderr();
        assert!(said.contains("the ledger's file failed"), "{said}");
        drop(serving);
        let Err((status, stderr)) = disk.under(&site).try_start() else {
            panic!("it cannot keep anything there");
        };
        assert_eq!(status.code(), Some(1));
        assert!(stderr.contains("tollgate.db"), "{stderr}");
        disk.fails(DiskFault::default());
        let again = disk.under(&site).start();
        target.set(again.ingress);
        gateway = Some(again);
    }
    let gateway = gateway.unwrap();
    let report = load.finish();
    assert!(report.broken > 0, "nobody was cut off: this shows nothing");
    gateway.drains();
    audit_counted(&site.ledger(), &receiver, &report);
    gateway.stop();
}

/// Fills the file system.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    for size in [64 << 10, 1 << 10, 1] {
        let bytes = vec![0; size];
        while file.write_all(&bytes).is_ok() {}
    }
}
