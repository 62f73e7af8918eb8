//! The records of events and deliveries: the admin API and its commands, with a running
//! gateway and without one.

use serde_json::{Value, json};

use crate::harness::{Event, Gateway, Handler, Manifest, Receiver, Site, eventually, get};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Returns the output of a command with `--json`.
#[track_caller]
fn run(site: &Site, subcommand: &str, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let output = site.run(subcommand, &all);
    assert!(output.status.success(), "{subcommand}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn url(gateway: &Gateway) -> String {
    format!("http://{}", gateway.admin)
}

fn of(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().unwrap();
    let text = |item: &Value| item[key].as_str().unwrap_or_default().to_owned();
    items.iter().map(text).collect()
}

/// Makes an event whose delivery becomes a dead letter.
fn dying() -> Event {
    Event::new(
        "test.dead",
        json!([
            { "do": "log", "level": "warn", "message": "about to give up" },
            { "do": "retry", "reason": "no stock" },
        ]),
    )
}

/// Makes an event whose run sends a request and emits an event.
fn sending(receiver: &Receiver) -> Event {
    Event::new(
        "test.sent",
        json!([
            { "do": "send", "url": receiver.url("/ship?token=hush"), "body": {} },
            { "do": "emit", "kind": "order.fulfilled", "payload": {} },
        ]),
    )
}

/// Checks the record of an event whose delivery is dead.
#[track_caller]
fn shows_the_dead_letter(event: &Value, dead: &Event) {
    assert_eq!(event["duplicates"], 1);
    assert_eq!(event["provider_id"], dead.id.as_str());
    assert_eq!(
        event["payload"]["text"].as_str().unwrap().as_bytes(),
        dead.body
    );
    let tried = event["history"][0]["tried"].as_array().unwrap();
    assert_eq!(tried.len(), 2, "{event:#}");
    assert_eq!(tried[1]["detail"], "no stock");
    assert!(tried[1]["logs"].to_string().contains("about to give up"));
}

/// Checks the record of an event that sent a request. Returns the id of the event that it emitted.
#[track_caller]
fn shows_the_request(event: &Value) -> String {
    let attempt = &event["history"][0]["tried"][0];
    assert_eq!(attempt["requests"][0]["state"], "sent");
    assert!(!event["history"].to_string().contains("hush"), "{event:#}");
    attempt["emitted"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_dead_letter_shows_all_that_is_known_of_it() {
    let receiver = Receiver::start();
    let manifest = Manifest::new()
        .handler(
            Handler::new("guest")
                .retry(2, "10ms")
                .allow(receiver.address),
        )
        .handler(Handler::new("next"))
        .route("test.*", &["guest"])
        .route_of("handler:guest", "order.*", &["next"], "");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let dead = dying();
    let dead_id = gateway.accepts(&dead);
    gateway.accepts(&dead);
    let sent = sending(&receiver);
    let sent_id = gateway.accepts(&sent);
    let unrouted_id = gateway.accepts(&Event::new("other.kind", json!({ "do": "done" })));
    gateway.drains();

    let url = url(&gateway);
    let with_gateway = ["--url", &url];
    let dead_only = ["--url", &url, "--state", "dead"];
    let dead_list = run(&site, "deliveries list", &dead_only);
    assert_eq!(of(&dead_list, "event"), [dead_id.as_str()]);
    assert_eq!(dead_list[0]["last_outcome"], "retry");
    assert_eq!(dead_list[0]["last_detail"], "no stock");

    let show = |id: &str| run(&site, "events show", &["--url", &url, id]);
    shows_the_dead_letter(&show(&dead_id), &dead);
    let emitted = &shows_the_request(&show(&sent_id));
    let event = show(emitted);
    assert_eq!(event["cause"], sent_id.as_str());
    assert_eq!(event["depth"], 1);

    // Each filter alone, with the gateway and, after its end, from the ledger's file.
    let lists = |more: &[&str]| {
        let list = |filter: &[&str]| {
            let arguments: Vec<_> = more.iter().chain(filter).copied().collect();
            of(&run(&site, "events list", &arguments), "id")
        };
        assert_eq!(list(&["--state", "unrouted"]), [unrouted_id.as_str()]);
        assert_eq!(list(&["--kind", "test.*"]), [&*sent_id, &*dead_id]);
        assert_eq!(list(&["--source", "handler:guest"]), [emitted.as_str()]);
        assert_eq!(list(&["--handler", "next"]), [emitted.as_str()]);
        assert_eq!(list(&["--limit", "1"]).len(), 1);
        assert_eq!(list(&["--from", "1h"]).len(), 4);
        assert_eq!(list(&["--to", "1h"]).len(), 0);
        assert_eq!(list(&["--handler", "unknown"]).len(), 0);
        let handlers = run(&site, "handlers list", more);
        assert_eq!(of(&handlers, "name"), ["guest", "next"]);
        handlers
    };
    let handlers = lists(&with_gateway);
    assert_eq!(handlers[0]["component"], gateway.serves("guest"));
    gateway.stop();
    lists(&[]);
    let table = site.run("deliveries list", &["--state", "dead"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("retry: no stock"), "{table}");
    let page = site.run("events show", &[&dead_id]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("about to give up"), "{page}");
}

#[test]
fn lists_are_read_page_by_page() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let mut ids: Vec<_> = (0..7)
        .map(|_| gateway.accepts(&Event::new("test.page", json!({ "do": "done" }))))
        .collect();
    gateway.settles();
    let mut seen = Vec::new();
    let mut path = "/api/deliveries?limit=3&order=oldest".to_owned();
    loop {
        let answer = get(gateway.admin, &path).unwrap();
        let page: Value = serde_json::from_slice(&answer.body).unwrap();
        seen.extend(of(&page["items"], "event"));
        // A cursor is of one list.
        if let Some(next) = page["next"].as_str() {
            let other = get(gateway.admin, &format!("/api/events?after={next}")).unwrap();
            assert_eq!(other.status, 400, "{other:?}");
        }
        let Some(next) = page["next"].as_str().map(str::to_owned) else {
            break;
        };
        path = format!("/api/deliveries?limit=3&order=oldest&after={next}");
    }
    assert_eq!(seen, ids);
    ids.reverse();
    let list = run(&site, "events list", &["--url", &url(&gateway)]);
    assert_eq!(of(&list, "id"), ids);
    for (path, status) in [
        ("/api/events?limit=x", 400),
        ("/api/events?colour=red", 400),
        ("/api/events/none", 400),
        ("/api/events?after=5", 400),
        ("/api/events?after=", 400),
        ("/api/outbox?after=%00%ff'--", 400),
        ("/api/events/00000000-0000-0000-0000-000000000000", 404),
        ("/api/deliveries/99999", 404),
        ("/api/nothing", 404),
    ] {
        let answer = get(gateway.admin, path).unwrap();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[test]
fn the_token_opens_the_admin_service_and_is_taken_from_the_manifest() {
    let manifest = |token: &str| {
        Manifest::with_one(Handler::new("guest"))
            .server(&format!("admin_token = {{ file = \"{token}\" }}"))
    };
    let site = Site::new(&manifest("token"));
    std::fs::write(site.path("token"), TOKEN).unwrap();
    let gateway = site.start();
    let url = url(&gateway);
    let status = |more: &[&str]| {
        let arguments: Vec<_> = ["--url", &url].iter().chain(more).copied().collect();
        site.run("events list", &arguments).status.success()
    };
    assert!(!status(&[]));
    assert!(!status(&["--token", "fedcba9876543210fedcba9876543210"]));
    assert!(status(&["--token", TOKEN]));
    assert_eq!(get(gateway.admin, "/status").unwrap().status, 401);
    assert_eq!(get(gateway.admin, "/readyz").unwrap().status, 200);
    // The gateway accepts a new token as soon as the file has it.
    let other = TOKEN.replace('0', "z");
    std::fs::write(site.path("token"), &other).unwrap();
    crate::harness::eventually("the new token opens", || status(&["--token", &other]));
    assert!(!status(&["--token", TOKEN]));
    assert!(!gateway.stop().contains(TOKEN));
}

#[test]
fn an_event_is_found_by_the_id_of_the_provider() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let done = || Event::new("test", json!({ "do": "done" }));
    let events: Vec<_> = (0..3).map(|_| done()).collect();
    for event in &events {
        gateway.accepts(event);
    }
    gateway.settles();
    let url = url(&gateway);
    for list in ["events list", "deliveries list"] {
        let found = |id: &str| run(&site, list, &["--url", &url, "--provider-id", id]);
        let one = found(&events[1].id);
        assert_eq!(one.as_array().map(Vec::len), Some(1), "{list}: {one}");
        assert_eq!(found("evt_unknown"), json!([]), "{list}");
    }
    gateway.stop();
    let offline = run(&site, "events list", &["--provider-id", &events[1].id]);
    assert_eq!(of(&offline, "provider_id"), [events[1].id.clone()]);
}

#[test]
fn a_dead_letter_is_a_line_in_the_log() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let reason = "a reason that may be personal";
    let steps = json!({ "do": "reject", "reason": reason });
    gateway.accepts(&Event::new("test", steps));
    gateway.settles();
    eventually("it is told", || {
        gateway.stderr().contains("a delivery is dead")
    });
    let said = gateway.stderr();
    assert!(said.contains("outcome=\"reject\""), "{said}");
    assert!(!said.contains(reason), "{said}");
    gateway.stop();
}
