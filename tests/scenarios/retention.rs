//! Pruning and erasure: old events go, and nothing else does.

use serde_json::{Value, json};

use crate::harness::{Event, Gateway, Handler, Ledger, Manifest, Receiver, Site, eventually};

/// Makes a manifest with these lines in the sections of the ledger and of the source.
fn manifest(ledger: &str, source: &str) -> String {
    let handler = Handler::new("guest").retry(1000, "1s");
    let text = Manifest::with_one(handler).text();
    text.replace("[ledger]\n", &format!("[ledger]\n{ledger}\n"))
        .replace(
            "scheme = \"stripe\"\n",
            &format!("scheme = \"stripe\"\n{source}\n"),
        )
}

fn site(ledger: &str, source: &str) -> Site {
    let site = Site::new(&Manifest::new());
    site.write_manifest(&manifest(ledger, source));
    site
}

#[test]
fn a_pruned_event_is_gone_and_still_known() {
    let site = site("retention = \"1s\"", "");
    let gateway = site.start();
    let handled = Event::new("test.add", json!({ "do": "add", "key": "handled" }));
    let retried = Event::new("test.retry", json!({ "do": "retry", "reason": "not yet" }));
    gateway.accepts(&handled);
    gateway.accepts(&retried);
    eventually("the finished one is pruned", || {
        gateway.status_at("/ledger/pruned") == 1
    });
    let ledger = site.ledger();
    assert_eq!(ledger.count("SELECT count(*) FROM bodies", []), 1);
    assert_eq!(ledger.count("SELECT count(*) FROM deliveries", []), 1);
    assert_eq!(gateway.status_at("/ledger/events"), 1);
    assert!(gateway.status_at("/ledger/oldest_ms").is_u64());

    // The same event arrives again, now and after a restart.
    gateway.accepts(&handled);
    gateway.kill();
    let gateway = site.start();
    gateway.accepts(&handled);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 2);
    assert_eq!(ledger.state("guest", "handled").as_deref(), Some("1"));
    assert_eq!(ledger.delivery(&retried.id, "guest"), "retrying");
    gateway.stop();
}

/// A dead delivery blocks the later deliveries of its customer until the operator releases
/// them.
#[test]
fn what_stands_behind_a_dead_one_is_due_until_it_has_run() {
    let manifest = |on_block: &str| {
        let handler = Handler::new("guest")
            .set("order_by = \"/data/object/customer\"")
            .set(&format!("on_block = \"{on_block}\""));
        let text = Manifest::with_one(handler).text();
        text.replace("[ledger]\n", "[ledger]\nretention = \"1s\"\n")
    };
    let about = |id: String, customer: u64, step: Value| {
        let object = json!({ "customer": customer, "steps": [step] });
        Event::about(&id, "test.keyed", object)
    };
    let site = Site::new(&Manifest::new());
    site.write_manifest(&manifest("wait"));
    let mut gateway = site.start();
    let ledger = site.ledger();
    for (n, way) in ["it is cancelled", "the manifest lets pass"]
        .into_iter()
        .enumerate()
    {
        let id = |what: &str| format!("evt_{what}_{n}");
        let before = gateway.status_at("/ledger/pruned").as_u64().unwrap();
        let pruned = |gateway: &Gateway, many: u64| {
            eventually("what ended is pruned", || {
                gateway.status_at("/ledger/pruned") == before + many
            });
        };
        gateway.accepts(&about(id("dead"), 1, json!({ "do": "reject" })));
        eventually("it is dead", || {
            ledger.delivery(&id("dead"), "guest") == "dead"
        });
        for behind in ["second", "third"] {
            let step = json!({ "do": "add", "key": "handled" });
            gateway.accepts(&about(id(behind), 1, step));
        }
        // An event that ended after the dead one is pruned. The dead one is old enough too,
        // but stays.
        gateway.accepts(&about(id("other"), 2, json!({ "do": "done" })));
        pruned(&gateway, 1);
        gateway.kill();
        gateway = site.start();
        gateway.accepts(&about(id("another"), 2, json!({ "do": "done" })));
        pruned(&gateway, 2);
        let states = ["dead", "second", "third"].map(|what| ledger.delivery(&id(what), "guest"));
        assert_eq!(states, ["dead", "pending", "pending"], "{way}");

        if n == 0 {
            let seq = ledger.count("SELECT seq FROM deliveries WHERE state = 'dead'", []);
            let url = format!("http://{}", gateway.admin);
            let output = site.run("deliveries cancel", &[&seq.to_string(), "--url", &url]);
            assert!(output.status.success(), "{output:?}");
        } else {
            site.write_manifest(&manifest("skip-after-dead"));
        }
        pruned(&gateway, 5);
        let handled = (2 * (n + 1)).to_string();
        assert_eq!(ledger.state("guest", "handled"), Some(handled), "{way}");
        assert_eq!(ledger.count("SELECT count(*) FROM deliveries", []), 0);
    }
    gateway.stop();
}

#[test]
fn what_is_to_be_erased_is_erased_from_the_next_reload_on() {
    let site = site("", "");
    let gateway = site.start();
    let steps = json!([{ "do": "log", "level": "info", "message": "for ada@example.com" }, { "do": "done" }]);
    let event = Event::new("test.personal", steps);
    gateway.accepts(&event);
    gateway.settles();
    let found = || {
        let files = site.data_files();
        let mut bytes = files.iter().map(|(_, bytes)| bytes);
        bytes.any(|bytes| bytes.windows(15).any(|window| window == b"ada@example.com"))
    };
    assert!(found());
    let logs = |ledger: &Ledger| ledger.attempts(&event.id, "guest")[0].logs.clone();
    assert!(logs(&site.ledger()).contains("ada@example.com"));

    site.write_manifest(&manifest("", "erase = { after = \"0s\" }"));
    eventually("it is reloaded", || gateway.generation() == 2);
    let ledger = site.ledger();
    // The last sweep may have just ended. The next one comes in a minute, or after a restart.
    gateway.stop();
    let gateway = site.start();
    eventually("it is erased", || gateway.status_at("/ledger/erased") == 1);
    assert_eq!(ledger.payload(&event.id), b"");
    assert_eq!(ledger.delivery(&event.id, "guest"), "done");
    assert_eq!(logs(&ledger), "");
    gateway.accepts(&event);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 1);
    gateway.stop();
    assert!(!found(), "the files keep it");
}

#[test]
fn a_person_can_be_forgotten_by_command_and_what_is_gone_is_not_replayed() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(1000, "1s")
            .allow(receiver.address),
    ));
    let gateway = site.start();
    let url = format!("http://{}", gateway.admin);
    let run = |command: &str, arguments: &[&str]| {
        let output = site.run(command, &[arguments, &["--url", &url]].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let send = |name: &str| {
        let url = receiver.url(&format!("/?who={name}"));
        let steps = json!([{ "do": "send", "url": url, "body": name }, { "do": "done" }]);
        gateway.accepts(&Event::new("test.personal", steps))
    };
    let (gone, kept) = (send("ada-lovelace"), send("grace-hopper"));
    let waiting = Event::new("test.retry", json!({ "do": "retry", "reason": "not yet" }));
    let waiting = gateway.accepts(&waiting);
    eventually("the first two are through", || {
        gateway.status_at("/ledger/outbox/sent") == 2
    });
    let (refused, why) = run("events erase", &[&waiting]);
    assert!(!refused && why.contains("still to be delivered"), "{why}");

    let (erased, said) = run("events erase", &[&gone, "--why", "she asked"]);
    assert!(erased && said.contains("is erased"), "{said}");
    assert_eq!(gateway.status_at("/ledger/erased"), 1);
    let of_request = "SELECT url FROM v_outbox WHERE event = ?1";
    let id = gone.replace('-', "");
    assert_eq!(site.ledger().texts(of_request, [&id]), [receiver.url("/")]);
    let (_, told) = run("replay", &[&gone]);
    assert!(
        told.contains("0 of 1") && told.contains("no longer kept"),
        "{told}"
    );
    assert_eq!(receiver.effects(), 2, "its request does not go out again");
    let (shown, said) = run("events show", &[&kept]);
    assert!(shown && said.contains("grace-hopper"), "{said}");

    // The page that the two events shared holds nothing of the erased one.
    for (path, bytes) in site.data_files() {
        let found = bytes.windows(12).any(|window| window == b"ada-lovelace");
        assert!(!found, "{} keeps it", path.display());
    }
}
