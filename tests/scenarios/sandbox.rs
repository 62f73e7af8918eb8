//! A hostile or broken guest ends its own attempt, and nothing else.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Attempt, Event, Gateway, Handler, Launch, Manifest, Site, eventually};

/// A handler with one attempt.
fn guest() -> Handler {
    Handler::new("guest")
        .retry(1, "10ms")
        .set("timeout = \"1s\"")
}

/// Returns the state and the attempt of one event with these steps.
fn outcome_of(site: &Site, gateway: &Gateway, steps: Value) -> (String, Attempt) {
    let event = Event::new("test.hostile", steps);
    gateway.accepts(&event);
    gateway.settles();
    let ledger = site.ledger();
    let mut attempts = ledger.attempts(&event.id, "guest");
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    (ledger.delivery(&event.id, "guest"), attempts.remove(0))
}

#[test]
fn every_limit_ends_the_attempt_and_nothing_else() {
    let site = Site::new(&Manifest::with_one(
        guest().set("memory = \"8MiB\"").set("calls = 1000"),
    ));
    let gateway = site.start();
    let hostile = [
        (json!({ "do": "loop" }), "timeout", "computing time"),
        (
            json!({ "do": "allocate" }),
            "limit",
            "MiB at least, has 8 MiB",
        ),
        // The guest's compiler keeps the stack in linear memory, so the stack ends there.
        (json!({ "do": "recurse" }), "trap", "recurse"),
        (
            json!({ "do": "many_calls", "count": 1_000_000 }),
            "limit",
            "calls (1000 are allowed)",
        ),
        (json!({ "do": "trap" }), "trap", ""),
        (
            json!({ "do": "panic", "message": "no stock" }),
            "trap",
            "no stock (",
        ),
        (
            json!({ "do": "huge_state", "key": "k", "bytes": (1 << 20) + 1, "must": true }),
            "reject",
            "",
        ),
    ];
    for (steps, outcome, detail) in hostile {
        let (state, attempt) = outcome_of(&site, &gateway, steps.clone());
        assert_eq!(
            (state.as_str(), attempt.outcome.as_str()),
            ("dead", outcome),
            "{steps} {attempt:?}"
        );
        assert!(attempt.detail.contains(detail), "{steps} {attempt:?}");
        let (state, _) = outcome_of(&site, &gateway, json!({ "do": "done" }));
        assert_eq!(state, "done", "the next delivery after {steps}");
    }
    assert!(site.ledger().states("guest").is_empty());
}

#[test]
fn a_stack_that_a_limit_allows_is_there() {
    let handler = Handler::new("guest").set("timeout = \"10s\"");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    let within =
        json!([{ "do": "recurse", "depth": 500 }, { "do": "allocate", "bytes": 32 << 20 }]);
    let (state, attempt) = outcome_of(&site, &gateway, within);
    assert_eq!(state, "done", "{attempt:?}");
}

#[test]
fn a_flood_of_log_lines_is_cut_off_and_marked() {
    let site = Site::new(&Manifest::with_one(guest().set("logs = \"4KiB\"")));
    let gateway = site.start();
    for steps in [
        json!({ "do": "many_logs", "count": 5000 }),
        json!({ "do": "huge_log", "bytes": 60_000 }),
    ] {
        let (state, attempt) = outcome_of(&site, &gateway, steps.clone());
        assert_eq!(state, "done", "{steps}");
        assert!(
            attempt.logs.len() < 8192,
            "{steps}: {} bytes are kept",
            attempt.logs.len()
        );
        let last = attempt.logs.lines().last().unwrap();
        assert!(last.contains("limit"), "{steps}: {last}");
    }
}

#[test]
fn effects_beyond_the_limit_are_refused_and_leave_the_gateway_well() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(1, "10ms")
            .set("effects = \"64KiB\"\ntimeout = \"5s\""),
    ));
    let gateway = site.start();
    let before = gateway.resident();
    // The gateway refuses the huge effects. The run goes on and keeps its small effect.
    let steps = json!([
        { "do": "set", "key": "small", "value": "v" },
        { "do": "huge_state", "key": "huge", "bytes": 70_000 },
        { "do": "emit", "kind": "test.flood", "payload": "0123456789abcdef", "times": 2000 },
    ]);
    let (state, attempt) = outcome_of(&site, &gateway, steps);
    assert_eq!(state, "done", "{attempt:?}");
    assert!(attempt.logs.contains("refused"), "{}", attempt.logs);
    let ledger = site.ledger();
    assert_eq!(ledger.state("guest", "small").as_deref(), Some("v"));
    assert_eq!(ledger.state("guest", "huge"), None);
    // Hundreds of megabytes are not even copied to the host.
    let (state, attempt) = outcome_of(
        &site,
        &gateway,
        json!({ "do": "huge_state", "key": "k", "bytes": 40 << 20, "must": true }),
    );
    assert_eq!(state, "dead", "{attempt:?}");
    let (state, _) = outcome_of(&site, &gateway, json!({ "do": "done" }));
    assert_eq!(state, "done");
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 256 << 20, "it grew by {grown} bytes");
}

#[test]
fn a_handler_works_while_another_loops_at_full_concurrency() {
    let manifest = Manifest::new()
        .handler(
            Handler::new("spinner")
                .retry(1, "10ms")
                .set("timeout = \"3s\"\nconcurrency = 16"),
        )
        .handler(Handler::new("worker"))
        .route("spin", &["spinner"])
        .route("work", &["worker"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let spins = 64;
    for _ in 0..spins {
        gateway.accepts(&Event::new("spin", json!({ "do": "loop" })));
    }
    eventually("the spinner runs", || {
        gateway
            .status_at("/generation/handlers/spinner/running")
            .as_u64()
            > Some(0)
    });
    let began = Instant::now();
    let works = 50;
    for _ in 0..works {
        gateway.accepts(&Event::new("work", json!({ "do": "add", "key": "n" })));
    }
    let ledger = site.ledger();
    eventually("the worker's deliveries end", || {
        ledger.deliveries_in("worker", "done") == works
    });
    let took = began.elapsed();
    let spinning = ledger.deliveries_in("spinner", "pending");
    assert!(
        spinning > 0,
        "the spinner is done already: this shows nothing"
    );
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    println!("{works} deliveries beside {spins} loops took {took:?}");
}

/// Returns the growth of the gateway's memory while a handler allocates 40 MiB in each of its
/// runs. `limit` decides how many runs are under way at once. Another handler gets its turn
/// in between.
fn grown_under(limit: &str) -> u64 {
    let manifest = Manifest::new()
        .plugins(&format!("memory = \"{limit}\""))
        .handler(
            Handler::new("hog")
                .retry(1, "10ms")
                .set("timeout = \"300ms\"\nmemory = \"48MiB\"\nbreaker = false"),
        )
        .handler(Handler::new("worker").set("memory = \"48MiB\""))
        .route("hog", &["hog"])
        .route("work", &["worker"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let before = gateway.resident();
    let steps = json!([{ "do": "allocate", "bytes": 40 << 20 }, { "do": "loop" }]);
    for _ in 0..16 {
        gateway.accepts(&Event::new("hog", steps.clone()));
    }
    gateway.accepts(&Event::new("work", json!({ "do": "add", "key": "n" })));
    let ledger = site.ledger();
    eventually("the worker has its turn", || {
        ledger.deliveries_in("worker", "done") == 1
    });
    let waiting = ledger.deliveries_in("hog", "pending");
    assert!(waiting > 0, "all have ended: this shows nothing");
    gateway.settles();
    assert_eq!(ledger.deliveries_in("hog", "dead"), 16);
    let grown = gateway.most_resident() - before;
    println!("{limit}: grown by {} MiB", grown >> 20);
    grown
}

#[test]
fn guests_together_take_no_more_memory_than_they_may() {
    assert!(grown_under("256MiB") < 256 << 20);
    assert!(grown_under("4GiB") > 400 << 20, "this shows nothing");
}

#[test]
fn a_component_with_a_foreign_import_is_refused_by_its_name() {
    let site = Site::new(&Manifest::with_one(guest().component("thief.wasm")));
    let thief = wat::parse_str(
        r#"(component (import "evil:net/raw@1.0.0" (instance (export "open" (func)))))"#,
    )
    .unwrap();
    site.plug("thief.wasm", &thief);
    let (status, stderr) = refused(&site);
    assert_eq!(status, Some(1));
    assert!(stderr.contains("evil:net/raw@1.0.0"), "{stderr}");
    assert!(
        stderr.contains("thief.wasm") && stderr.contains("guest"),
        "{stderr}"
    );
    let check = site.run("check", &[]);
    let said = String::from_utf8_lossy(&check.stdout) + String::from_utf8_lossy(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("evil:net/raw@1.0.0"), "{said}");
}

#[test]
fn what_is_no_component_is_refused() {
    let site = Site::new(&Manifest::with_one(guest().component("other.wasm")));
    let useless = wat::parse_str("(component)").unwrap();
    let module = wat::parse_str("(module (func (export \"handle\")))").unwrap();
    for (what, bytes) in [
        ("text", b"(component)".to_vec()),
        ("nothing", Vec::new()),
        ("a component without `handle`", useless),
        ("a module without its world", module),
    ] {
        site.plug("other.wasm", &bytes);
        let (status, stderr) = refused(&site);
        assert_eq!(status, Some(1), "{what}");
        assert!(stderr.contains("other.wasm"), "{what}: {stderr}");
    }
}

#[test]
fn compiled_code_is_not_taken_from_users() {
    let site = Site::new(&Manifest::with_one(guest()));
    site.start().stop();
    let compiled = compiled_code(&site);
    site.plug("native.wasm", &fs::read(&compiled).unwrap());
    let manifest = Manifest::with_one(guest().component("native.wasm"));
    // The other site has no last good manifest yet.
    let other = Site::new(&manifest);
    other.plug("native.wasm", &fs::read(&compiled).unwrap());
    let (status, stderr) = refused(&other);
    assert_eq!(status, Some(1));
    assert!(stderr.contains("native.wasm"), "{stderr}");
}

#[test]
fn damaged_compiled_code_is_compiled_anew() {
    let site = Site::new(&Manifest::with_one(guest()));
    site.start().stop();
    let path = compiled_code(&site);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle..middle + 64].fill(0xcc);
    fs::write(&path, &bad).unwrap();
    let gateway = site.start();
    let (state, attempt) = outcome_of(&site, &gateway, json!({ "do": "done" }));
    assert_eq!(state, "done", "{attempt:?}");
    assert!(
        gateway.stderr().contains("compiled again"),
        "{}",
        gateway.stderr()
    );
    assert_ne!(
        fs::read(&path).unwrap(),
        bad,
        "the damaged file is replaced"
    );
}

/// Returns the one file of compiled code in the cache.
fn compiled_code(site: &Site) -> std::path::PathBuf {
    let files = site.data_files();
    let mut compiled = files
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|end| end == "cwasm"));
    compiled.next().expect("compiled code is kept")
}

/// Starts a gateway that must not start. Returns its exit code and its stderr.
fn refused(site: &Site) -> (Option<i32>, String) {
    match Launch::new(site).try_start() {
        Ok(_) => panic!("it must not start"),
        Err((status, stderr)) => (status.code(), stderr),
    }
}
