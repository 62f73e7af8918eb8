//! Requests of the outbox that an operator sends again, tries now, or cancels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Manifest, Receiver, Reply, Site, eventually, run, try_run,
};

/// Starts a receiver that responds with this status. The test may change the status.
fn receiver(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let says = status.clone();
    let receiver = Receiver::with(move |_| Reply::Status(says.load(Ordering::SeqCst)));
    (receiver, status)
}

/// Returns the number of the request with this body.
fn request_with(site: &Site, body: &str) -> String {
    let sql = "SELECT request FROM outbox_bodies WHERE CAST(body AS TEXT) = ?1";
    site.ledger().count(sql, [body]).to_string()
}

fn bodies(receiver: &Receiver) -> Vec<String> {
    let came = receiver.requests().into_iter();
    came.map(|request| request.body).collect()
}

fn drain(gateway: &Gateway, dead: u64) {
    gateway.drains();
    assert_eq!(gateway.status_at("/ledger/outbox/dead"), dead);
}

#[test]
fn dead_requests_go_out_again_in_their_order_and_under_their_keys() {
    // Status 401, as after a token has expired, is not tried again automatically.
    let (receiver, status) = receiver(401);
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let event = |of: u32, body: &str| {
        let send = |part: &str| {
            json!({ "do": "send", "url": receiver.url("/ship?token=hush"),
                    "body": format!("{body}-{part}"), "order_key": "k" })
        };
        Event::with_id(
            &format!("evt_{of}"),
            "test.ship",
            json!([send("a"), send("b")]),
        )
    };
    let delivered = gateway.accepts(&event(1, "first"));
    gateway.settles();
    gateway.accepts(&event(2, "second"));
    drain(&gateway, 4);
    let keys = receiver.keys_by_body();
    let wanted = ["first-a", "first-b", "second-a", "second-b"];
    assert_eq!(bodies(&receiver), wanted);

    let retry = |arguments: &[&str]| run(&site, &gateway, "outbox retry", arguments);
    let filter = ["--state", "dead", "--to-url", "*/ship"];
    let counted = retry(&[&filter[..], &["--dry-run"]].concat());
    assert_eq!(counted["done"], 4);
    assert_eq!(counted["dry_run"], true);
    assert_eq!(counted["by"], json!({ "guest dead": 4 }));
    // A filter may match very many requests, so the command refuses it if nobody can confirm.
    let (code, _, stderr) = try_run(&site, &gateway, "outbox retry", &filter);
    assert_eq!((code, receiver.requests().len()), (2, 4), "{stderr}");
    let elsewhere = ["--state", "dead", "--to-url", "*/elsewhere", "--dry-run"];
    let none = retry(&elsewhere);
    assert_eq!(none["matched"], 0);

    status.store(200, Ordering::SeqCst);
    let because = ["--yes", "--why", "the token is new"];
    let done = retry(&[&filter[..], &because].concat());
    assert_eq!(done["done"], 4, "{done}");
    drain(&gateway, 0);
    assert_eq!(bodies(&receiver)[4..], wanted);
    assert_eq!(
        receiver.keys_by_body(),
        keys,
        "under the keys that they had"
    );
    assert_eq!(receiver.effects(), 4);

    let moved = request_with(&site, "first-a");
    a_sent_request_is_shown_and_stays(&site, &gateway, &moved);
    its_event_and_its_delivery_show_it(&site, &gateway, &delivered, &moved);
    gateway.stop();
}

/// Checks the record of a request that was sent again. It is not sent a third time.
#[track_caller]
fn a_sent_request_is_shown_and_stays(site: &Site, gateway: &Gateway, moved: &str) {
    let shown = run(site, gateway, "outbox show", &[moved]);
    assert_eq!(shown["state"], "sent");
    assert_eq!((&shown["tries"], &shown["was"]), (&json!(2), &json!(1)));
    assert_eq!(shown["tried"][0]["status"], 401);
    assert!(!shown.to_string().contains("hush"), "{shown}");
    let (code, refused, _) = try_run(site, gateway, "outbox retry", &[moved]);
    assert_eq!(
        (code, &refused["refused"]),
        (1, &json!({ "it is sent": 1 }))
    );
    let (code, _, stderr) = try_run(site, gateway, "outbox retry", &["1"]);
    assert!(code != 0 && stderr.contains("no request 1"), "{stderr}");
}

/// Checks that the event and the delivery still show the requests, in the order of the calls.
#[track_caller]
fn its_event_and_its_delivery_show_it(
    site: &Site,
    gateway: &Gateway,
    delivered: &str,
    moved: &str,
) {
    let event = run(site, gateway, "events show", &[delivered]).to_string();
    assert!(
        event.contains("first-a") || event.contains(moved),
        "{event}"
    );
    let delivery = run(site, gateway, "deliveries show", &["1"]);
    let requests = delivery["tried"][0]["requests"].as_array().unwrap();
    let states: Vec<&Value> = requests.iter().map(|request| &request["state"]).collect();
    assert_eq!(states, ["sent", "sent"]);
    assert_eq!(requests[0]["seq"].to_string(), moved);
    let done = delivery["interventions"].as_array().unwrap();
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(
        (&done[0]["action"], &done[0]["request"], &done[0]["why"]),
        (&json!("retry"), &json!(1), &json!("the token is new"))
    );
}

#[test]
fn a_waiting_request_is_tried_now_or_cancelled() {
    let (receiver, status) = receiver(500);
    let site = Site::new(&Manifest::new());
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address));
    let slow = manifest.text().replace(
        "first = \"20ms\", factor = 1.5, max = \"200ms\"",
        "first = \"1h\", factor = 1.0, max = \"1h\"",
    );
    assert!(slow.contains("1h"));
    site.write_manifest(&slow);
    let gateway = site.start();
    let send = |body: &str| {
        let then = json!({ "do": "add", "key": body });
        json!({ "do": "send", "url": receiver.url("/"), "body": body, "order_key": "k",
                "respond": then })
    };
    gateway.accepts(&Event::new(
        "test.ship",
        json!([send("cancelled"), send("now"), send("after")]),
    ));
    gateway.settles();
    eventually("the first has failed", || {
        let sql = "SELECT count(*) FROM outbox WHERE tries = 1";
        site.ledger().count(sql, []) == 1
    });
    // The other requests wait for the first one.
    let first = request_with(&site, "cancelled");
    let arguments = [&first, "--why", "wrong"];
    let cancelled = run(&site, &gateway, "outbox cancel", &arguments);
    assert_eq!(cancelled["by"], json!({ "guest waiting": 1 }));
    eventually("the next one has failed", || bodies(&receiver).len() == 2);
    assert_eq!(bodies(&receiver), ["cancelled", "now"]);
    let ledger = site.ledger();
    eventually("its handler is told", || {
        ledger.state("guest", "cancelled").as_deref() == Some("1")
    });
    let told = ledger.texts(
        "SELECT CAST(payload AS TEXT) FROM events JOIN bodies ON event = seq
         WHERE kind = 'outbox.response'",
        [],
    );
    let told: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(told["outcome"], "dead");
    assert!(told["error"].as_str().unwrap().starts_with("cancelled by "));

    status.store(200, Ordering::SeqCst);
    let second = request_with(&site, "now");
    run(&site, &gateway, "outbox retry", &[&second]);
    drain(&gateway, 1);
    assert_eq!(bodies(&receiver)[2..], ["now", "after"]);

    // A cancelled request may be sent after all. Its handler then receives a second response.
    run(&site, &gateway, "outbox retry", &[&first]);
    drain(&gateway, 0);
    eventually("its handler is told again", || {
        ledger.state("guest", "cancelled").as_deref() == Some("2")
    });
    assert_eq!(receiver.effects(), 3);
    gateway.stop();
}

#[test]
fn a_request_that_is_accepted_although_it_was_cancelled_tells_its_handler() {
    let receiver = Receiver::with(|_| Reply::Hang(Duration::from_secs(2)));
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    gateway.accepts(&Event::new(
        "test.pay",
        json!({ "do": "send", "url": receiver.url("/"), "body": "pay",
                "respond": { "do": "add", "key": "told" } }),
    ));
    eventually("its try is under way", || receiver.requests().len() == 1);
    run(
        &site,
        &gateway,
        "outbox cancel",
        &[&request_with(&site, "pay")],
    );
    drain(&gateway, 1);
    let ledger = site.ledger();
    eventually("the receiver accepts it", || {
        ledger.count("SELECT count(*) FROM outbox WHERE state = 'sent'", []) == 1
    });
    let told = ledger.texts(
        "SELECT json_extract(CAST(payload AS TEXT), '$.outcome') FROM events
         JOIN bodies ON event = seq WHERE kind = 'outbox.response' ORDER BY seq",
        [],
    );
    assert_eq!(told, ["dead", "sent"]);
    eventually("its handler has heard both", || {
        ledger.state("guest", "told").as_deref() == Some("2")
    });
    gateway.stop();
}

/// The number of kills in the test below.
const KILLS: usize = 8;

#[test]
fn kills_while_requests_are_sent_again_lose_and_double_none() {
    // The receiver refuses each request once. After that, only an operator sends it again.
    let receiver = Receiver::with(|request| match request.before {
        0 => Reply::Status(410),
        _ => Reply::Status(200),
    });
    let site = Site::new(&Manifest::with_one(
        // A kill may use an attempt.
        Handler::new("guest")
            .retry(100, "10ms")
            .allow(receiver.address),
    ));
    let url = receiver.url("/");
    let mut sent = 0;
    for round in 0..KILLS {
        let gateway = site.start();
        for _ in 0..40 {
            sent += 1;
            let send = json!({ "do": "send", "url": url, "body": format!("{sent}"),
                               "order_key": format!("key {}", sent % 7) });
            gateway.accepts(&Event::with_id(&format!("evt_{sent}"), "test.ship", send));
        }
        let admin = format!("http://{}", gateway.admin);
        let operator = || {
            let filter = ["--state", "dead", "--yes", "--url", &admin];
            // The kill may interrupt the command.
            let _ = site.run("outbox retry", &filter);
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..5).for_each(|_| operator()));
            let pause = 40 + 35 * round as u64;
            std::thread::sleep(Duration::from_millis(pause));
            gateway.kill();
        });
    }
    let gateway = site.start();
    let ledger = site.ledger();
    eventually("all are sent", || {
        gateway.settles();
        let dead = ["--state", "dead", "--yes"];
        run(&site, &gateway, "outbox retry", &dead);
        ledger.count("SELECT count(*) FROM outbox WHERE state <> 'sent'", []) == 0
    });
    let many = |sql| ledger.count(sql, []);
    assert_eq!(many("SELECT count(*) FROM outbox"), sent);
    assert_eq!(many("SELECT count(*) FROM outbox_bodies"), sent);
    assert_eq!(receiver.effects(), sent as usize);
    let keys = receiver.keys_by_body();
    assert_eq!(keys.len(), sent as usize);
    assert!(keys.values().all(|keys| keys.len() == 1), "{keys:?}");
    // Each attempt finds its request, even after the request moved.
    let lost = many(
        "SELECT count(*) FROM attempts a WHERE a.requests = 1 AND NOT EXISTS (SELECT 1 FROM outbox o
         WHERE o.delivery = a.delivery AND coalesce(o.was, o.seq) = a.first_request)",
    );
    assert_eq!(lost, 0);
    println!(
        "{sent} requests, {} of them moved, {} came",
        many("SELECT count(*) FROM outbox WHERE was IS NOT NULL"),
        receiver.requests().len(),
    );
    gateway.stop();
}
