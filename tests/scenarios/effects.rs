//! What handlers do to the world: once, whole, in order, and only where they may.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Receiver, Reply, Site, eventually, stays};

#[test]
fn state_requests_and_events_commit_together() {
    let receiver = Receiver::start();
    let manifest = Manifest::new()
        .handler(Handler::new("guest").allow(receiver.address))
        .handler(Handler::new("next"))
        .route("*", &["guest"])
        .route_of("handler:guest", "order.*", &["next"], "");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = Event::new(
        "test.effects",
        json!([
            { "do": "set", "key": "order/1", "value": "paid" },
            { "do": "send", "url": receiver.url("/ship"), "headers": [["x-order", "1"]], "body": { "order": 1 } },
            { "do": "emit", "kind": "order.fulfilled", "subject": "order_1", "payload": { "do": "echo" } },
            { "do": "set", "key": "order/2", "value": "paid" },
        ]),
    );
    let id = gateway.accepts(&event);
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(ledger.states("guest").len(), 2);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/ship")
    );
    assert_eq!(request.body, "{\"order\":1}");
    assert_eq!(request.headers["x-order"], "1");
    let keys = ledger.texts("SELECT key FROM outbox WHERE state = 'sent'", []);
    assert_eq!(keys, [request.key.as_str()]);
    assert!(!request.key.is_empty());
    let emitted = ledger.rows(
        "SELECT source, kind, subject FROM v_events WHERE source <> 'stripe'",
        [],
        |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        },
    );
    assert_eq!(
        emitted,
        [(
            "handler:guest".into(),
            "order.fulfilled".into(),
            "order_1".into()
        )]
    );
    assert_eq!(ledger.deliveries_in("next", "done"), 1);
    let logs = ledger.texts("SELECT logs FROM v_attempts WHERE handler = 'next'", []);
    assert!(
        logs[0].contains(&id),
        "the emitted event names its cause: {logs:?}"
    );
}

#[test]
fn a_run_that_fails_after_its_effects_leaves_none() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(2, "10ms")
            .allow(receiver.address)
            .set("timeout = \"300ms\""),
    ));
    let gateway = site.start();
    for end in [
        json!({ "do": "trap" }),
        json!({ "do": "loop" }),
        json!({ "do": "panic", "message": "x" }),
        json!({ "do": "retry", "reason": "x" }),
        json!({ "do": "reject", "reason": "x" }),
    ] {
        gateway.accepts(&Event::new(
            "test.fails",
            json!([
                { "do": "set", "key": "a", "value": "v" },
                { "do": "add", "key": "n" },
                { "do": "send", "url": receiver.url("/never") },
                { "do": "emit", "kind": "never" },
                end,
            ]),
        ));
    }
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "dead"), 5);
    assert_eq!(ledger.states("guest"), []);
    assert_eq!(ledger.events(), 5, "nothing was emitted");
    assert_eq!(ledger.count("SELECT count(*) FROM outbox", []), 0);
    assert_eq!(receiver.requests().len(), 0);
}

#[test]
fn a_retry_after_a_trap_has_each_effect_once() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let event = Event::new(
        "test.trap",
        json!([
            { "do": "add", "key": "n" },
            { "do": "send", "url": receiver.url("/once"), "body": "x" },
            { "do": "trap_until", "succeed_at": 3 },
        ]),
    );
    gateway.accepts(&event);
    gateway.drains();
    let ledger = site.ledger();
    let outcomes: Vec<_> = ledger
        .attempts(&event.id, "guest")
        .into_iter()
        .map(|attempt| attempt.outcome)
        .collect();
    assert_eq!(outcomes, ["trap", "trap", "done"]);
    assert_eq!(ledger.state("guest", "n").as_deref(), Some("1"));
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn concurrent_increments_lose_no_update() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").set("concurrency = 32"),
    ));
    let gateway = site.start();
    let count = 300;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..count / 6 {
                    gateway.accepts(&Event::new(
                        "test.count",
                        json!([
                            { "do": "increment", "key": "read-and-set" },
                            { "do": "spin", "millions": 1 },
                            { "do": "add", "key": "added", "delta": 2 },
                        ]),
                    ));
                }
            });
        }
    });
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.deliveries_in("guest", "done"), count);
    assert_eq!(
        ledger.state("guest", "read-and-set"),
        Some(count.to_string())
    );
    assert_eq!(
        ledger.state("guest", "added"),
        Some((2 * count).to_string())
    );
    let attempts = ledger.count("SELECT count(*) FROM attempts", []);
    assert_eq!(attempts, count, "a conflict is no attempt");
}

#[test]
fn a_chain_of_emitted_events_ends() {
    let manifest = Manifest::with_one(Handler::new("guest")).route_of(
        "handler:guest",
        "chain",
        &["guest"],
        "",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    // Each event of the chain carries the next one within it, more of them than are allowed.
    let mut chain = json!({ "steps": [{ "do": "add", "key": "links" }] });
    for _ in 0..20 {
        chain = json!({ "steps": [
            { "do": "add", "key": "links" },
            { "do": "emit", "kind": "chain", "payload": chain },
        ] });
    }
    gateway.accepts(&Event::new("start", chain["steps"].clone()));
    gateway.settles();
    let ledger = site.ledger();
    let links: i64 = ledger.state("guest", "links").unwrap().parse().unwrap();
    assert!((2..20).contains(&links), "the chain had {links} links");
    assert_eq!(ledger.events(), links);
    let refused = ledger.texts(
        "SELECT logs FROM v_attempts WHERE logs LIKE '%refused%'",
        [],
    );
    assert_eq!(refused.len(), 1, "the last link was told: {refused:?}");
}

#[test]
fn a_failed_request_is_tried_again_under_the_same_key() {
    let receiver = Receiver::with(|request| match (request.path.as_str(), request.before) {
        ("/500", 0 | 1) => Reply::Status(500),
        ("/429", 0) => Reply::RetryAfter(429, 1),
        ("/408", 0) => Reply::Status(408),
        ("/hang", 0) => Reply::Hang(Duration::from_secs(60)),
        ("/reset", 0 | 1) => Reply::Reset,
        _ => Reply::Status(200),
    });
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address));
    let site = Site::new(&manifest);
    site.write_manifest(
        &manifest
            .text()
            .replace("[outbox]\n", "[outbox]\ntimeout = \"500ms\"\n"),
    );
    let gateway = site.start();
    let paths = [
        ("/500", 3),
        ("/429", 2),
        ("/408", 2),
        ("/hang", 2),
        ("/reset", 3),
    ];
    for (path, _) in paths {
        gateway.accepts(&Event::new(
            "test.send",
            json!({ "do": "send", "url": receiver.url(path) }),
        ));
    }
    gateway.drains();
    let ledger = site.ledger();
    assert_eq!(
        ledger.count("SELECT count(*) FROM outbox WHERE state = 'sent'", []),
        5
    );
    for (path, tries) in paths {
        let keys: Vec<_> = receiver
            .requests()
            .into_iter()
            .filter(|request| request.path == path)
            .map(|request| request.key)
            .collect();
        assert_eq!(keys.len(), tries, "{path}");
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1, "{path}");
    }
    // One that says when is taken at its word, whatever the policy.
    let requests = receiver.requests();
    let mut asked = requests.iter().filter(|request| request.path == "/429");
    let (first, second) = (asked.next().unwrap().at, asked.next().unwrap().at);
    let waited = second - first;
    assert!(waited >= Duration::from_millis(900), "{waited:?}");
}

#[test]
fn what_cannot_succeed_is_dead_and_listed() {
    // To where requests may go, so that nothing else keeps it from being followed.
    let receiver = Receiver::with(|request| match request.path.as_str() {
        "/redirect" => Reply::Redirect("/elsewhere".to_owned()),
        "/gone" => Reply::Status(410),
        "/always-500" => Reply::Status(500),
        _ => Reply::Status(200),
    });
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    for path in ["/redirect", "/gone", "/always-500", "/fine"] {
        gateway.accepts(&Event::new(
            "test.send",
            json!({ "do": "send", "url": receiver.url(path) }),
        ));
    }
    gateway.drains();
    let count = |path: &str| {
        receiver
            .requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    };
    assert_eq!(
        (count("/redirect"), count("/gone"), count("/always-500")),
        (1, 1, 6)
    );
    assert_eq!(count("/elsewhere"), 0, "a redirect is not followed");
    assert_eq!(gateway.status_at("/ledger/outbox/dead"), 3);
    assert_eq!(gateway.status_at("/ledger/outbox/sent"), 1);
    let listed = site.run("outbox list", &["--state", "dead", "--json"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    for (path, why) in [
        ("/redirect", "307"),
        ("/gone", "410"),
        ("/always-500", "500"),
    ] {
        assert!(
            listed.contains(path) && listed.contains(why),
            "{path}: {listed}"
        );
    }
    assert!(!listed.contains("/fine"), "{listed}");
}

#[test]
fn requests_of_one_key_go_out_one_after_another() {
    // Every third request fails at first, so that whoever does not wait overtakes.
    let receiver = Receiver::with(|request| {
        let number: usize = request.body.rsplit('-').next().unwrap().parse().unwrap();
        if number.is_multiple_of(3) && request.before == 0 {
            Reply::Status(503)
        } else {
            Reply::Status(200)
        }
    });
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .allow(receiver.address)
            .set("concurrency = 1"),
    ));
    let gateway = site.start();
    let each = 10;
    for number in 0..each {
        let sends: Vec<_> = ["a", "b", "c"]
            .iter()
            .map(|key| {
                json!({ "do": "send", "url": receiver.url("/"), "order_key": key, "body": format!("{key}-{number}") })
            })
            .collect();
        gateway.accepts(&Event::new("test.order", json!(sends)));
    }
    gateway.drains();
    let requests = receiver.requests();
    for key in ["a", "b", "c"] {
        let mut came: Vec<_> = requests
            .iter()
            .filter(|request| request.body.starts_with(key))
            .map(|request| request.body.clone())
            .collect();
        came.dedup();
        let expected: Vec<_> = (0..each).map(|number| format!("{key}-{number}")).collect();
        assert_eq!(came, expected);
    }
}

#[test]
fn requests_go_only_where_the_manifest_allows() {
    let allowed = Receiver::start();
    let other = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(allowed.address),
    ));
    let gateway = site.start();
    let elsewhere = [
        other.url("/"),
        format!("http://localhost:{}/", allowed.address.port()),
        format!("https://{}/", allowed.address),
        format!("http://user@{}/", allowed.address),
        format!("http://{}@{}/", allowed.address, other.address),
        "file:///etc/passwd".to_owned(),
        "/relative".to_owned(),
    ];
    let mut steps: Vec<_> = elsewhere
        .iter()
        .map(|url| json!({ "do": "send", "url": url }))
        .collect();
    steps.push(
        json!({ "do": "send", "url": allowed.url("/fine"), "headers": [["host", "elsewhere"]] }),
    );
    steps.push(
        json!({ "do": "send", "url": allowed.url("/fine"), "headers": [["x", "a\r\ny: b"]] }),
    );
    let event = Event::new("test.elsewhere", json!(steps));
    gateway.accepts(&event);
    gateway.drains();
    let attempt = site.ledger().attempts(&event.id, "guest").remove(0);
    assert_eq!(attempt.outcome, "done");
    assert_eq!(
        attempt.logs.matches("refused").count(),
        elsewhere.len() + 2,
        "{}",
        attempt.logs
    );
    assert_eq!(site.ledger().count("SELECT count(*) FROM outbox", []), 0);
    stays("nothing came", Duration::from_millis(200), || {
        allowed.requests().is_empty() && other.requests().is_empty()
    });
}

#[test]
fn a_name_of_a_private_address_is_not_reached_unless_listed() {
    let receiver = Receiver::start();
    let port = receiver.address.port();
    let allow = |name: &str, more: &str| {
        format!("[[handlers.{name}.allow]]\norigin = \"http://localhost:{port}\"\n{more}")
    };
    let manifest = Manifest::new()
        .handler(Handler::new("unlisted"))
        .section(&allow("unlisted", ""))
        .handler(Handler::new("listed"))
        .section(&allow(
            "listed",
            "addresses = [\"127.0.0.0/8\", \"::1/128\"]\n",
        ))
        .route("*", &["unlisted", "listed"]);
    let site = Site::new(&manifest);
    let gateway = site.start();
    let url = format!("http://localhost:{port}/");
    gateway.accepts(&Event::new(
        "test.send",
        json!({ "do": "send", "url": url }),
    ));
    gateway.drains();
    let states = site.ledger().rows(
        "SELECT handler, state FROM v_outbox ORDER BY handler",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    );
    assert_eq!(
        states,
        [
            ("listed".into(), "sent".into()),
            ("unlisted".into(), "dead".into())
        ]
    );
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn credentials_reach_the_receiver_and_nothing_else() {
    const TOKEN: &str = "tok_7yRvC2NobodyShallReadThis";
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(Handler::new("guest").allow_with(
        receiver.address,
        "headers = { Authorization = \"Bearer ${TOKEN_OF_THE_TEST}\" }",
    )));
    let launch = || {
        crate::harness::Launch::new(&site)
            .env("TOKEN_OF_THE_TEST", TOKEN)
            .env("TOLLGATE_LOG", "trace")
            .start()
    };
    let gateway = launch();
    let event = Event::new(
        "test.send",
        json!([
            { "do": "echo" },
            { "do": "config" },
            { "do": "send", "url": receiver.url("/"), "headers": [["authorization", "mine"]] },
            { "do": "send", "url": receiver.url("/") },
        ]),
    );
    gateway.accepts(&event);
    gateway.drains();
    let requests = receiver.requests();
    assert_eq!(
        requests.len(),
        1,
        "a guest cannot set what the manifest adds"
    );
    assert_eq!(
        requests[0].headers["authorization"],
        format!("Bearer {TOKEN}")
    );
    let status = gateway.status().to_string();
    let listed = String::from_utf8(site.run("outbox list", &["--json"]).stdout).unwrap();
    // Once with the write-ahead log as it stands, once after a restart has emptied it.
    let mut files = site.data_files();
    let said = gateway.stop();
    let gateway = launch();
    files.extend(site.data_files());
    for secret in [TOKEN, crate::harness::SECRET] {
        for (path, bytes) in &files {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
        for (what, text) in [
            ("the log", &said),
            ("the status", &status),
            ("the list", &listed),
        ] {
            assert!(!text.contains(secret), "{what} holds a secret");
        }
    }
    assert!(
        files
            .iter()
            .any(|(path, bytes)| path.ends_with("tollgate.db") && !bytes.is_empty())
    );
    drop(gateway);
}

#[test]
fn requests_that_wait_go_out_after_a_restart() {
    let receiver = Receiver::with(|request| {
        if request.before < 2 {
            Reply::Status(503)
        } else {
            Reply::Status(200)
        }
    });
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address));
    let site = Site::new(&manifest);
    site.write_manifest(
        &manifest
            .text()
            .replace(
                "attempts = 6, first = \"20ms\"",
                "attempts = 6, first = \"1s\"",
            )
            .replace("max = \"200ms\"", "max = \"1s\""),
    );
    let gateway = site.start();
    gateway.accepts(&Event::new(
        "test.send",
        json!({ "do": "send", "url": receiver.url("/") }),
    ));
    eventually("it is tried", || receiver.requests().len() == 1);
    gateway.stop();
    let gateway = site.start();
    gateway.drains();
    assert_eq!(receiver.requests().len(), 3);
    assert_eq!(receiver.effects(), 1);
}
