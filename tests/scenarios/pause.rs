//! Handlers that an operator pauses and resumes; rates and breakers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Load, Manifest, Receiver, Reply, Site, Target, eventually, stays,
};

/// Runs `tollgate handlers …` against a gateway.
#[track_caller]
fn handlers(site: &Site, gateway: &Gateway, verb: &str, more: &[&str]) -> Value {
    let url = format!("http://{}", gateway.admin);
    let arguments: Vec<_> = ["--json", "--url", &url]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let output = site.run(&format!("handlers {verb}"), &arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Makes events that work for some milliseconds and then send a request, so runs are under way
/// when a pause comes.
fn working(receiver: &Receiver) -> impl Fn(u64) -> Event + Clone + Send + Sync + use<> {
    let url = receiver.url("/");
    move |number: u64| {
        let steps = json!([
            { "do": "spin", "millions": 2 },
            { "do": "send", "url": url, "body": number },
        ]);
        Event::with_id(&format!("evt_{number}"), "test", steps)
    }
}

#[test]
fn a_paused_handler_drains_waits_across_a_restart_and_goes_on() {
    let receiver = Receiver::start();
    let guest = Handler::new("guest")
        .allow(receiver.address)
        .retry(2, "10ms")
        .set("timeout = \"60s\"");
    let manifest = Manifest::new()
        .handler(guest)
        .handler(Handler::new("other"))
        .route("*", &["guest", "other"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let ledger = site.ledger();
    let in_state = |state| ledger.deliveries_in("guest", state);
    let make = working(&receiver);
    let pace = Duration::from_millis(2);
    let load = Load::start(&Target::new(gateway.ingress), 4, pace, make.clone());
    eventually("some are done", || in_state("done") >= 20);
    let paused = handlers(&site, &gateway, "pause", &["guest"]);
    assert_eq!(paused["paused"]["outbox"], false);
    let status = || gateway.status_at("/generation/handlers/guest/running");
    eventually("it is drained", || status() == 0);
    // All runs have ended, so the number of finished deliveries is final for now.
    let done = in_state("done");
    eventually("others come and wait", || in_state("pending") >= 20);
    let total = load.finish().acknowledged.len() as i64;
    eventually("others go on", || {
        ledger.deliveries_in("other", "done") == total
    });
    let found = (in_state("done"), in_state("pending"));
    assert_eq!(found, (done, total - done), "done, or not begun");
    eventually("what was sent has gone", || {
        receiver.effects() as i64 == done
    });
    gateway.stop();
    // Without a running gateway, the command reads the ledger's file.
    let list = site.run("handlers list", &["--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list[0]["paused"]["outbox"], false, "{list}");
    assert!(list[1]["paused"].is_null(), "{list}");

    let gateway = site.start();
    gateway.accepts(&make(1_000_000));
    let list = handlers(&site, &gateway, "list", &[]);
    assert!(list[0]["paused"]["since_ms"].is_u64(), "{list}");
    stays("nothing starts", Duration::from_millis(300), || {
        (in_state("done"), in_state("pending")) == (done, total - done + 1)
    });
    // From here on, the outbox is paused too.
    handlers(&site, &gateway, "pause", &["guest", "--outbox"]);
    assert_eq!(
        gateway.status_at("/generation/handlers/guest/paused/outbox"),
        true
    );
    let resumed = handlers(&site, &gateway, "resume", &["guest"]);
    assert_eq!(resumed["was_paused"], true);
    gateway.drains();
    assert_eq!(receiver.effects() as i64, total + 1);
    let attempts = ledger.count("SELECT max(number) FROM attempts", []);
    assert_eq!(attempts, 1, "no attempt was burnt by waiting");
}

#[test]
fn a_paused_outbox_holds_requests_back() {
    // The request waits because its receiver is away.
    let back = Arc::new(AtomicBool::new(false));
    let is_back = back.clone();
    let receiver = Receiver::with(move |_| match is_back.load(Ordering::SeqCst) {
        true => Reply::Status(200),
        false => Reply::Status(503),
    });
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let ledger = site.ledger();
    gateway.accepts(&Event::new(
        "test",
        json!({ "do": "send", "url": receiver.url("/") }),
    ));
    eventually("it has been tried", || {
        ledger.count("SELECT count(*) FROM outbox WHERE tries > 0", []) == 1
    });
    handlers(&site, &gateway, "pause", &["guest", "--outbox"]);
    back.store(true, Ordering::SeqCst);
    let tries = || ledger.count("SELECT tries FROM outbox", []);
    let before = tries();
    stays("it waits", Duration::from_millis(800), || {
        tries() <= before + 1
    });
    assert_eq!(ledger.waiting(), 1);
    handlers(&site, &gateway, "resume", &["guest"]);
    gateway.drains();
}

#[test]
fn only_handlers_that_there_are_can_be_paused() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let url = format!("http://{}", gateway.admin);
    let output = site.run("handlers pause", &["--url", &url, "gust"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no handler `gust`"), "{said}");
    let resumed = handlers(&site, &gateway, "resume", &["guest"]);
    assert_eq!(resumed["was_paused"], false);
}

#[test]
fn a_rate_is_kept_to() {
    let handler = Handler::new("guest").set("rate = \"20/s\"");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    let begun = Instant::now();
    for number in 0..41 {
        gateway.accepts(&Event::with_id(
            &format!("evt_{number}"),
            "test",
            json!({ "do": "done" }),
        ));
    }
    gateway.settles();
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(1_900),
        "{took:?} for 41 at 20/s"
    );
    let spread = site.ledger().count(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM attempts GROUP BY started / 1000)",
        [],
    );
    assert!(spread <= 22, "{spread} in one second");
}

#[test]
fn an_open_breaker_spares_the_attempts() {
    let handler = Handler::new("guest")
        .retry(2, "10ms")
        .set("breaker = { failures = 1.0, of = 5, open = \"300ms\" }")
        .set("concurrency = 1");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    let ledger = site.ledger();
    for number in 0..60 {
        let steps = json!({ "do": "retry", "reason": "down" });
        gateway.accepts(&Event::with_id(&format!("evt_{number}"), "test", steps));
    }
    let open = || gateway.status_at("/generation/handlers/guest/breaker") == "open";
    eventually("the breaker opens", open);
    std::thread::sleep(Duration::from_secs(1));
    let attempts = ledger.count("SELECT count(*) FROM attempts", []);
    assert!(
        (5..20).contains(&attempts),
        "{attempts} attempts of 120 in a second of which nearly all was waited"
    );
    assert!(gateway.stderr().contains("breaker opens"), "it is said");
}
