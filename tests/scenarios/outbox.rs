//! Requests of handlers: retries, dead letters, order, allowed origins, credentials.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Event, Handler, Launch, Manifest, Receiver, Reply, SECRET, Site, eventually, stays,
};

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
    // A `Retry-After` takes precedence over the retry policy.
    let requests = receiver.requests();
    let mut asked = requests.iter().filter(|request| request.path == "/429");
    let (first, second) = (asked.next().unwrap().at, asked.next().unwrap().at);
    let waited = second - first;
    assert!(waited >= Duration::from_millis(900), "{waited:?}");
}

#[test]
fn what_cannot_succeed_is_dead_and_listed() {
    // The redirect leads to an allowed origin, so only the rule against redirects stops it.
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
    // Every third request fails at first, so a request that does not wait would overtake it.
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
            // Without it, nobody promises that the events are handled in their order.
            .set("order_by = \"/data/object/customer\""),
    ));
    let gateway = site.start();
    let each = 10;
    for number in 0..each {
        let sends: Vec<_> = ["a", "b", "c"]
            .iter()
            .map(|key| {
                let body = format!("{key}-{number}");
                json!({ "do": "send", "url": receiver.url("/"), "order_key": key, "body": body })
            })
            .collect();
        gateway.accepts(&Event::about(
            &format!("evt_order_{number}"),
            "test.order",
            json!({ "customer": "one", "steps": sends }),
        ));
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
fn localhost_needs_no_list_of_addresses() {
    let receiver = Receiver::start();
    let url = format!("http://localhost:{}/", receiver.address.port());
    let manifest = Manifest::with_one(Handler::new("guest")).section(&format!(
        "[[handlers.guest.allow]]\norigin = \"{}\"",
        url.trim_end_matches('/')
    ));
    let site = Site::new(&manifest);
    let gateway = site.start();
    gateway.accepts(&Event::new(
        "test.send",
        json!({ "do": "send", "url": url }),
    ));
    gateway.drains();
    let states = site.ledger().rows("SELECT state FROM v_outbox", [], |row| {
        row.get::<_, String>(0)
    });
    assert_eq!(states, ["sent"]);
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
        Launch::new(&site)
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
    // The files are searched twice: with the write-ahead log as it is, and after a restart
    // emptied it.
    let mut files = site.data_files();
    let said = gateway.stop();
    let gateway = launch();
    files.extend(site.data_files());
    for secret in [TOKEN, SECRET] {
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
