//! Backups of the ledger, and ledgers that were restored.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Launch, Load, Manifest, Receiver, Site, Target, eventually, get, run,
    stays,
};

fn site(receiver: &Receiver) -> Site {
    let guest = Handler::new("guest").allow(receiver.address);
    Site::new(&Manifest::with_one(guest))
}

/// Runs a command that must succeed. Returns its output with `--json`.
#[track_caller]
fn told(site: &Site, subcommand: &str, arguments: &[&str]) -> Value {
    let output = site.run(subcommand, &[&["--json"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{subcommand}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn readiness(gateway: &Gateway) -> (u16, Value) {
    let answer = get(gateway.admin, "/readyz").unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// The ids of the provider of all events in a ledger's file.
fn events_in(database: &Path) -> HashSet<String> {
    let conn = rusqlite::Connection::open(database).unwrap();
    let mut query = conn.prepare("SELECT provider_id FROM events").unwrap();
    let ids = query.query_map([], |row| row.get(0)).unwrap();
    ids.collect::<rusqlite::Result<_>>().unwrap()
}

/// A site whose gateway was backed up under load and killed later.
struct Backed {
    receiver: Receiver,
    site: Site,
    /// The folder of the backup.
    folder: PathBuf,
    /// The events in the backup.
    kept: HashSet<String>,
    /// Events that were acknowledged and that the backup lacks.
    lost: Vec<String>,
}

/// Handles an event: counts it, and tells a receiver its id.
fn handled_event(id: &str, url: &str) -> Event {
    let steps = json!([
        { "do": "add", "key": "handled" },
        { "do": "send", "url": url, "body": id },
    ]);
    Event::with_id(id, "test.backup", steps)
}

impl Backed {
    fn make() -> Self {
        let receiver = Receiver::start();
        let site = site(&receiver);
        let gateway = site.start();
        let url = receiver.url("/");
        let target = Target::new(gateway.ingress);
        let load = Load::start(&target, 4, Duration::from_millis(1), move |number| {
            handled_event(&format!("evt_backup_{number}"), &url)
        });
        let ledger = site.ledger();
        eventually("events come in", || ledger.events() >= 100);
        let backups = site.path("backups");
        fs::create_dir(&backups).unwrap();
        let made = told(&site, "ledger backup", &[backups.to_str().unwrap()]);
        assert_eq!(made["missing_components"], json!([]), "{made}");
        assert_eq!(made["components"][0], gateway.serves("guest"), "{made}");
        let at_backup = ledger.events();
        eventually("events come in after it", || {
            ledger.events() >= at_backup + 100
        });
        gateway.kill();
        let report = load.finish();
        let database = PathBuf::from(made["database"].as_str().unwrap());
        let kept = events_in(&database);
        let acknowledged = report.acknowledged.into_iter().map(|(id, _)| id);
        let lost: Vec<_> = acknowledged.filter(|id| !kept.contains(id)).collect();
        assert!(kept.len() >= 100 && lost.len() >= 100, "{made}");
        let folder = database.parent().unwrap().to_owned();
        Self {
            receiver,
            site,
            folder,
            kept,
            lost,
        }
    }

    fn restore_on_hold(&self) {
        let folder = self.folder.to_str().unwrap();
        let restored = told(&self.site, "ledger restore", &[folder, "--hold"]);
        assert_eq!(restored["content"]["events"], self.kept.len(), "{restored}");
        let missing = restored["restored"]["missing_commits"].as_u64();
        assert!(missing.is_some_and(|missing| missing > 0), "{restored}");
        let aside = PathBuf::from(restored["aside"].as_str().unwrap());
        assert!(aside.join("tollgate.db").exists() && aside.join("tollgate.db-wal").exists());
    }

    /// Each event of the backup was asked for, and none under two keys.
    fn audit_requests(&self) {
        let mut keys = HashMap::new();
        for request in self.receiver.requests() {
            let key = keys
                .entry(request.body)
                .or_insert_with(|| request.key.clone());
            assert_eq!(*key, request.key);
        }
        assert!(self.kept.iter().all(|id| keys.contains_key(id)));
    }
}

#[test]
fn a_backup_under_load_is_restored_on_hold_and_then_handled_once() {
    let backed = Backed::make();
    let Backed { receiver, site, .. } = &backed;
    let before = receiver.requests().len();
    backed.restore_on_hold();
    let gateway = site.start();
    let said = gateway.stderr();
    assert!(said.contains("the ledger was restored"), "{said}");
    assert_eq!(gateway.status_at("/ledger/restored/on_hold"), true);
    let (status, ready) = readiness(&gateway);
    assert_eq!(status, 200);
    assert!(
        ready["warnings"][0].as_str().unwrap().contains("on hold"),
        "{ready}"
    );
    // An event that comes in waits like all others.
    let late = handled_event("evt_late", &receiver.url("/"));
    gateway.accepts(&late);
    let ledger = site.ledger();
    let open = ledger.unfinished();
    let nothing_ran = || ledger.unfinished() == open && receiver.requests().len() == before;
    stays(
        "nothing runs before the release",
        Duration::from_secs(2),
        nothing_ran,
    );
    gateway.kill();
    // The hold outlives the process.
    let gateway = site.start();
    stays(
        "nothing runs after another start",
        Duration::from_secs(1),
        nothing_ran,
    );

    let released = run(site, &gateway, "ledger release", &[]);
    assert_eq!(released["released"]["on_hold"], true, "{released}");
    gateway.drains();
    assert_eq!(gateway.status_at("/ledger/restored"), Value::Null);
    assert_eq!(readiness(&gateway), (200, json!({ "ready": true })));
    let handled = || ledger.state("guest", "handled").unwrap();
    assert_eq!(
        handled(),
        (backed.kept.len() + 1).to_string(),
        "each event once"
    );
    backed.audit_requests();
    // What the backup lacks comes again from the provider, and is no duplicate.
    gateway.accepts(&handled_event(&backed.lost[0], &receiver.url("/")));
    gateway.settles();
    assert_eq!(handled(), (backed.kept.len() + 2).to_string());
    gateway.stop();
    assert_eq!(
        told(site, "ledger verify", &[])["content"]["problems"],
        json!([])
    );
}

#[test]
fn an_older_file_in_the_ledgers_place_is_told_and_a_foreign_log_is_refused() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    let gateway = site.start();
    let event = || Event::new("test.done", json!({ "do": "done" }));
    gateway.accepts(&event());
    let backup = site.path("backup.db");
    told(&site, "ledger backup", &[backup.to_str().unwrap()]);
    let again = site.run("ledger backup", &[backup.to_str().unwrap()]);
    assert!(!again.status.success(), "no backup is overwritten");
    for _ in 0..20 {
        gateway.accepts(&event());
    }
    gateway.settles();
    gateway.stop();
    let gateway = site.start();
    gateway.accepts(&event());
    gateway.settles();
    let running = site.run("ledger restore", &[backup.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&running.stderr).into_owned();
    assert!(
        !running.status.success() && said.contains("in use by another gateway"),
        "{said}"
    );
    gateway.kill();

    // As `cp` leaves the files: the log is still the one of the last run.
    fs::copy(&backup, site.path("data/tollgate.db")).unwrap();
    let Err((status, said)) = Launch::new(&site).try_start() else {
        panic!("started on a mixture");
    };
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("is not the log of"), "{said}");

    fs::remove_file(site.path("data/tollgate.db-wal")).unwrap();
    let gateway = site.start();
    let said = gateway.stderr();
    assert!(said.contains("commits of the last run"), "{said}");
    let missing = gateway.status_at("/ledger/restored/missing_commits");
    assert!(
        missing.as_u64().is_some_and(|missing| missing > 20),
        "{missing}"
    );
    assert_eq!(gateway.status_at("/ledger/restored/on_hold"), false);
    gateway.accepts(&event());
    gateway.settles();
    gateway.stop();
    let offline = told(&site, "status", &[]);
    assert_eq!(offline["ledger"]["restored"]["missing_commits"], missing);
}

#[test]
fn a_damaged_ledger_fails_the_check() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    let gateway = site.start();
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.settles();
    gateway.stop();
    let database = site.path("data/tollgate.db");
    assert!(site.run("ledger verify", &[]).status.success());
    let before = fs::read(&database).unwrap();
    let conn = rusqlite::Connection::open(&database).unwrap();
    conn.execute("DELETE FROM bodies", []).unwrap();
    drop(conn);
    let output = site.run("ledger verify", &[database.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("kept events without a body"), "{said}");
    assert_ne!(fs::read(&database).unwrap(), before);
}

/// The commands need nothing of the manifest but the admin address and the ledger.
#[test]
fn commands_need_no_secret_of_a_source() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    let gateway = site.start();
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.settles();
    let without_secrets = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_tollgate");
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(site.path(""))
            .env_clear();
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = fs::read_to_string(site.manifest_path()).unwrap();
    let admin = format!("admin = \"{}\"", gateway.admin);
    site.write_manifest(&text.replace("admin = \"127.0.0.1:0\"", &admin));
    assert!(without_secrets(&["status"]).starts_with("the gateway runs"));
    assert!(without_secrets(&["events", "list"]).contains("test.done"));
    assert!(without_secrets(&["handlers", "pause", "guest"]).contains("paused"));
    // Mistakes elsewhere do not matter either.
    let broken = text.replace("scheme = \"stripe\"", "scheme = \"strip\"");
    site.write_manifest(&broken.replace("admin = \"127.0.0.1:0\"", &admin));
    assert!(without_secrets(&["handlers", "resume", "guest"]).contains("resumed"));
    gateway.stop();
    assert!(without_secrets(&["status"]).starts_with("no gateway answers"));
    assert!(without_secrets(&["deliveries", "list"]).contains("guest"));
    without_secrets(&["ledger", "verify"]);
}

#[test]
fn a_ledger_that_was_moved_away_with_all_its_files_is_missed() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    site.start().stop();
    let elsewhere = site.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for entry in fs::read_dir(site.path("data")).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("tollgate.db")
        {
            fs::rename(entry.path(), elsewhere.join(entry.file_name())).unwrap();
        }
    }
    let Err((status, stderr)) = Launch::new(&site).try_start() else {
        panic!("the gateway started with an empty ledger");
    };
    assert_eq!(status.code(), Some(1), "{stderr}");
    for part in ["tollgate.db is gone", "last-good to begin with an empty"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert!(!site.path("data/tollgate.db").exists());

    // The operator means to begin anew.
    fs::remove_dir_all(site.path("data/last-good")).unwrap();
    site.start().stop();
}
