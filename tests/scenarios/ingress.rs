//! The requests of providers, strangers and bad networks, and the responses to them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{
    Connection, Event, Handler, Manifest, PATH, SECRET, Site, eventually, get, now, post, request,
    sign, skip,
};

/// The version of Stripe's own library that signs the requests here.
const STRIPE_LIBRARY: &str = "stripe@23.1.0";

fn site() -> Site {
    Site::new(&Manifest::with_one(Handler::new("guest")))
}

fn done() -> Event {
    Event::new("test.done", json!({ "do": "done" }))
}

#[test]
fn an_accepted_event_is_on_disk_byte_for_byte() {
    let site = site();
    let gateway = site.start();
    // The body has spaces, escapes and an unusual order, which re-serialisation would lose.
    let body = format!(
        "{{ \"type\" : \"test.done\",\n\t\"amount\": 1.50, \"id\":\"evt_bytes\", \"created\":{}, \"caf\\u00e9\":\"caf\u{e9}\"}}\n",
        now()
    );
    let answer = gateway.post_signed(&sign(SECRET, now(), body.as_bytes()), body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header("tollgate-event-id").unwrap();
    let ledger = site.ledger();
    assert_eq!(ledger.payload("evt_bytes"), body.as_bytes());
    assert_eq!(
        ledger.texts("SELECT id FROM v_events", []),
        [id.replace('-', "")]
    );
    assert_eq!(ledger.texts("SELECT kind FROM v_events", []), ["test.done"]);
    gateway.settles();
    assert_eq!(ledger.delivery("evt_bytes", "guest"), "done");
}

#[test]
fn a_duplicate_is_acknowledged_and_not_handled_again() {
    let site = site();
    let gateway = site.start();
    let event = Event::new("test.count", json!({ "do": "add", "key": "runs" }));
    let first = gateway.accepts(&event);
    gateway.settles();
    assert_eq!(
        gateway.accepts(&event),
        first,
        "the same id, the same bytes"
    );
    // Stripe's own resends look like this: the same event with another `pending_webhooks`.
    let mut resent: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
    resent["pending_webhooks"] = json!(1);
    let resent = Event {
        id: event.id.clone(),
        body: serde_json::to_vec(&resent).unwrap(),
    };
    assert_eq!(gateway.accepts(&resent), first, "the same id, other bytes");
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.events(), 1);
    assert_eq!(ledger.state("guest", "runs").as_deref(), Some("1"));
    assert_eq!(
        ledger.payload(&event.id),
        event.body,
        "the first bytes stay"
    );
    assert_eq!(gateway.status_at("/ledger/duplicates"), 2);
    assert_eq!(gateway.status_at("/ledger/duplicates_differing"), 1);
}

#[test]
fn concurrent_duplicates_become_one_event() {
    let site = site();
    let gateway = site.start();
    let event = Event::new("test.count", json!({ "do": "add", "key": "runs" }));
    let ids: HashSet<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| gateway.accepts(&event)))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect()
    });
    assert_eq!(ids.len(), 1, "{ids:?}");
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.events(), 1);
    assert_eq!(ledger.count("SELECT count(*) FROM deliveries", []), 1);
    assert_eq!(ledger.state("guest", "runs").as_deref(), Some("1"));
    assert_eq!(gateway.status_at("/ledger/duplicates"), 31);
}

#[test]
fn what_is_not_signed_by_the_provider_is_refused_and_leaves_no_trace() {
    let site = site();
    let gateway = site.start();
    let body = done().body;
    let other = [&body[..], b" "].concat();
    let at = now();
    let valid = sign(SECRET, at, &body);
    let forgeries = [
        ("another secret", sign("whsec_guessed", at, &body)),
        ("the signature of other bytes", sign(SECRET, at, &other)),
        (
            "another time than the signed one",
            valid.replace(&format!("t={at}"), &format!("t={}", at + 1)),
        ),
        ("no signature in the header", format!("t={at}")),
        (
            "no time in the header",
            valid.split_once(',').unwrap().1.to_owned(),
        ),
        ("a signature of no version", valid.replace("v1=", "v0=")),
        ("a signature cut short", valid[..valid.len() - 2].to_owned()),
        ("nonsense", "nonsense".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, signature) in &forgeries {
        let answer = gateway.post_signed(signature, &body);
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(answer.header("tollgate-event-id"), None, "{what}");
    }
    let unsigned = post(gateway.ingress, PATH, &[], &body).unwrap();
    assert_eq!(unsigned.status, 400);
    assert_eq!(site.ledger().events(), 0);
    let rejections = gateway.status_at("/rejections/stripe");
    let counted: u64 = rejections
        .as_object()
        .unwrap()
        .values()
        .filter_map(|n| n.as_u64())
        .sum();
    assert_eq!(counted, forgeries.len() as u64 + 1, "{rejections}");
    assert!(
        !gateway.stderr().contains(SECRET),
        "no log line holds the secret"
    );
}

#[test]
fn the_signed_time_must_be_near_in_both_directions() {
    let site = site();
    let gateway = site.start();
    let body = done().body;
    // The tolerance is 5 minutes. The distance of a minute leaves time for a slow machine.
    for (offset, status) in [(-360, 400), (360, 400), (-240, 200), (240, 200)] {
        let at = now().checked_add_signed(offset).unwrap();
        let answer = gateway.post_signed(&sign(SECRET, at, &body), &body);
        assert_eq!(answer.status, status, "{offset} s: {answer:?}");
    }
    assert_eq!(
        site.ledger().events(),
        1,
        "the second acceptance is a duplicate"
    );
}

#[test]
fn a_secret_can_be_rotated() {
    let manifest = Manifest::with_one(Handler::new("guest"));
    let site = Site::new(&manifest);
    site.write_manifest(&manifest.text().replace(
        "secrets = [\"${TOLLGATE_TEST_SECRET}\"]",
        "secrets = [\"whsec_the_new_one\", \"${TOLLGATE_TEST_SECRET}\"]",
    ));
    let gateway = site.start();
    let body = done().body;
    let old = sign(SECRET, now(), &body);
    let new = sign("whsec_the_new_one", now(), &body);
    let both = format!("{old},{}", new.split_once(',').unwrap().1);
    for signature in [old, new, both] {
        assert_eq!(
            gateway.post_signed(&signature, &body).status,
            200,
            "{signature}"
        );
    }
}

#[test]
fn a_signed_body_that_is_no_event_is_recorded_all_the_same() {
    let site = site();
    let gateway = site.start();
    let bodies = [
        "",
        "no JSON",
        "[]",
        "{}",
        "{\"id\":\"evt_1\"}",
        "{\"type\":\"t\"}",
        "{\"id\":7,\"type\":{}}",
    ];
    for (at, body) in (1..).zip(bodies) {
        let answer = gateway.post_signed("t=1,v1=00", body.as_bytes());
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let answer = gateway.post_signed(&sign(SECRET, now(), body.as_bytes()), body.as_bytes());
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        assert_eq!(site.ledger().events(), at);
    }
}

#[test]
fn other_paths_and_methods_are_told_so() {
    let site = site();
    let gateway = site.start();
    for path in [
        "/",
        "/webhooks",
        "/webhooks/stripe/",
        "/webhooks/stripe/x",
        "/WEBHOOKS/STRIPE",
        "/status",
    ] {
        let answer = post(gateway.ingress, path, &[], b"{}").unwrap();
        assert_eq!(answer.status, 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let mut connection = Connection::open(gateway.ingress).unwrap();
        connection.write(&request(method, PATH, &[], b"")).unwrap();
        let answer = connection.answer().unwrap();
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    // The query is no part of the path.
    let event = done();
    let with_query = String::from_utf8(event.request()).unwrap().replacen(
        PATH,
        &format!("{PATH}?from=dashboard"),
        1,
    );
    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection.write(with_query.as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
}

#[test]
fn a_body_over_the_limit_is_refused_whole() {
    let manifest = Manifest::with_one(Handler::new("guest")).server("body_limit = \"64KiB\"");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let padded = |length: usize| {
        let mut body = done().body;
        body.resize(length, b' ');
        body
    };
    let limit = 64 << 10;
    let fits = padded(limit);
    let answer = gateway.post_signed(&sign(SECRET, now(), &fits), &fits);
    assert_eq!(answer.status, 200, "just at the limit: {answer:?}");

    let over = padded(limit + 1);
    let signature = sign(SECRET, now(), &over);
    assert_eq!(
        gateway.post_signed(&signature, &over).status,
        413,
        "announced"
    );

    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection.write(&chunked_head(&signature)).unwrap();
    for chunk in over.chunks(8 << 10) {
        connection.write(&chunk_of(chunk)).unwrap();
    }
    connection.write(b"0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 413, "grown");
    assert_eq!(site.ledger().events(), 1);
}

#[test]
fn a_chunked_body_is_taken_as_it_is() {
    let site = site();
    let gateway = site.start();
    let event = done();
    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection
        .write(&chunked_head(&sign(SECRET, now(), &event.body)))
        .unwrap();
    for chunk in event.body.chunks(7) {
        connection.write(&chunk_of(chunk)).unwrap();
    }
    connection.write(b"0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    assert_eq!(site.ledger().payload(&event.id), event.body);
}

#[test]
fn slow_headers_and_slow_bodies_time_out() {
    let manifest = Manifest::with_one(Handler::new("guest"))
        .server("header_timeout = \"300ms\"\nbody_timeout = \"300ms\"");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = done();
    let whole = event.request();

    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection.write(&whole[..whole.len() - 10]).unwrap();
    assert_eq!(connection.answer().unwrap().status, 408, "the body");
    assert!(connection.is_closed());

    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection.write(&whole[..40]).unwrap();
    assert_eq!(connection.answer().unwrap().status, 408, "the headers");
    assert!(connection.is_closed());

    let mut silent = Connection::open(gateway.ingress).unwrap();
    assert!(silent.is_closed(), "a connection without a request ends");
    assert_eq!(site.ledger().events(), 0);
    gateway.accepts(&event);
}

#[test]
fn a_sender_that_hangs_up_after_its_last_byte_is_recorded() {
    let site = site();
    let gateway = site.start();
    let events: Vec<_> = (0..50).map(|_| done()).collect();
    for event in &events {
        let mut connection = Connection::open(gateway.ingress).unwrap();
        connection.write(&event.request()).unwrap();
        // The connection is dropped, so nobody reads the response.
    }
    let ledger = site.ledger();
    eventually("all are recorded", || {
        ledger.events() == events.len() as i64
    });
    gateway.settles();
    assert_eq!(ledger.deliveries_in("guest", "done"), events.len() as i64);
}

#[test]
fn a_sender_that_breaks_off_is_not_recorded() {
    let site = site();
    let gateway = site.start();
    let whole = done().request();
    for kept in [10, whole.len() / 2, whole.len() - 1] {
        let mut connection = Connection::open(gateway.ingress).unwrap();
        connection.write(&whole[..kept]).unwrap();
    }
    let last = done();
    gateway.accepts(&last);
    assert_eq!(site.ledger().events(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = site();
    let gateway = site.start();
    let events = [done(), done(), done()];
    let mut connection = Connection::open(gateway.ingress).unwrap();
    let all: Vec<u8> = events.iter().flat_map(Event::request).collect();
    connection.write(&all).unwrap();
    let ledger = site.ledger();
    for event in &events {
        let answer = connection.answer().unwrap();
        assert_eq!(answer.status, 200);
        let id = answer.header("tollgate-event-id").unwrap().replace('-', "");
        let known = ledger.texts(
            "SELECT id FROM v_events WHERE provider_id = ?1",
            [&event.id],
        );
        assert_eq!(known, [id]);
    }
}

#[test]
fn health_is_told_on_the_admin_listener_alone() {
    let site = site();
    let gateway = site.start();
    assert_eq!(get(gateway.admin, "/healthz").unwrap().status, 200);
    assert_eq!(get(gateway.admin, "/readyz").unwrap().status, 200);
    assert_eq!(get(gateway.ingress, "/healthz").unwrap().status, 404);
    gateway.accepts(&done());
    // The status comes from the running gateway, then from the ledger's file.
    let admin = gateway.admin.to_string();
    for arguments in [&["--json", "--admin", admin.as_str()][..], &["--json"]] {
        let status = site.run("status", arguments);
        assert!(status.status.success(), "{status:?}");
        let told: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(told["ledger"]["events"], 1, "{told}");
    }
}

#[test]
fn stripes_own_library_signs_what_is_accepted() {
    let Some(library) = stripe_library() else {
        return skip("Stripe's library needs npm and its registry");
    };
    let site = site();
    let gateway = site.start();
    let event = done();
    let body = site.path("body.json");
    fs::write(&body, &event.body).unwrap();
    let script = "const [library, body, secret] = process.argv.slice(1);
        const stripe = require(library)('sk_test_none');
        const payload = require('fs').readFileSync(body, 'utf8');
        process.stdout.write(stripe.webhooks.generateTestHeaderString({ payload, secret }));";
    let sign = |secret: &str| {
        let signed = Command::new("node")
            .args(["-e", script])
            .args([library.as_os_str(), body.as_os_str(), secret.as_ref()])
            .output()
            .unwrap();
        assert!(signed.status.success(), "{signed:?}");
        String::from_utf8(signed.stdout).unwrap()
    };
    assert_eq!(
        gateway
            .post_signed(&sign("whsec_other"), &event.body)
            .status,
        400
    );
    let answer = gateway.post_signed(&sign(SECRET), &event.body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(site.ledger().payload(&event.id), event.body);
}

/// Returns the folder of Stripe's library for Node. The first run of the tests installs it.
fn stripe_library() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stripe");
    let library = folder.join("node_modules/stripe");
    if !library.join("package.json").exists() {
        fs::create_dir_all(&folder).unwrap();
        let installed = Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .arg(STRIPE_LIBRARY)
            .output()
            .ok()?;
        if !installed.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&installed.stderr));
            return None;
        }
    }
    Some(library)
}

fn chunked_head(signature: &str) -> Vec<u8> {
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nstripe-signature: {signature}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes()
}

fn chunk_of(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
