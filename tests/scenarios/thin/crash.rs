//! A kill at any moment loses no event and handles none twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

/// A thin event whose handling counts.
fn counted(n: usize) -> Event {
    let id = format!("evt_{n}");
    let steps = json!([
        { "do": "add", "key": "handled" },
        { "do": "increment", "key": format!("seen/{id}") },
        { "do": "resolved" },
    ]);
    let url = format!("/v1/things/obj_{}", n % 7);
    thin_with(
        &id,
        json!({ "steps": steps, "related_object": { "url": url } }),
    )
}

#[test]
fn kills_while_questions_are_under_way_lose_and_double_nothing() {
    const EVENTS: usize = 90;
    // Refusals end with the kills. Otherwise one event that is refused many times in a row would
    // wait for a minute.
    let refuses = Arc::new(AtomicBool::new(true));
    let refusing = refuses.clone();
    let api = Receiver::with(move |request| {
        match request.before % 9 {
            0 if refusing.load(Ordering::Relaxed) => return Reply::Status(500),
            1 if refusing.load(Ordering::Relaxed) => return Reply::RetryAfter(429, 0),
            2 if refusing.load(Ordering::Relaxed) => return Reply::Reset,
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..40)));
        Reply::Body(200, json!({ "id": request.path }).to_string())
    });
    // A kill counts as an attempt of what runs. The limit on attempts is not the subject here.
    let manifest = Manifest::new()
        .section(&resolve(&api, ", timeout = \"2s\""))
        .handler(
            Handler::new("guest")
                .retry(1000, "10ms")
                .set("order_by = \"/related_object/url\""),
        )
        .route("*", &["guest"]);
    let site = Site::new(&manifest);
    let mut gateway = start(&site);
    for round in 0..9 {
        for n in round * 10..(round + 1) * 10 {
            gateway.accepts(&counted(n));
        }
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..1800)));
        gateway.kill();
        gateway = start(&site);
        // A provider that got no answer sends again.
        gateway.accepts(&counted(round));
    }
    refuses.store(false, Ordering::Relaxed);
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.events(), EVENTS as i64);
    assert_eq!(ledger.count("SELECT count(*) FROM resolutions", []), 0);
    assert_eq!(
        ledger.count("SELECT count(*) FROM resolved", []),
        EVENTS as i64
    );
    assert_eq!(ledger.state("guest", "handled").as_deref(), Some("90"));
    for n in 0..EVENTS {
        let id = format!("evt_{n}");
        assert_eq!(ledger.delivery(&id, "guest"), "done");
        let seen = ledger.state("guest", &format!("seen/{id}"));
        assert_eq!(seen.as_deref(), Some("1"), "{id}");
        let last = ledger.attempts(&id, "guest").pop().unwrap();
        let object = json!({ "id": format!("/v1/things/obj_{}", n % 7) });
        assert_eq!(fields_of(&last.logs)["object"], object.to_string(), "{id}");
    }
    println!(
        "{EVENTS} events, {} requests, 9 kills",
        api.requests().len()
    );
    gateway.stop();
    assert!(site.run("ledger verify", &["--json"]).status.success());
}
