//! Alerts: told once when they start and once when they end, to a real receiver.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Authority, Event, Gateway, Handler, Manifest, Receiver, Reply, Site, component, digest,
    eventually, get, run, stays, trapping,
};

/// More than the time between two looks for alerts.
const LOOKS: Duration = Duration::from_secs(5);

fn manifest(receiver: &Receiver, format: &str, alerts: &str) -> Manifest {
    let url = receiver.url("/hooks/s3cret-part");
    Manifest::with_one(Handler::new("guest").retry(2, "10ms")).section(&format!(
        "[alert_receivers.ops]\nformat = \"{format}\"\nurl = \"{url}\"\n{alerts}"
    ))
}

/// The notices as the receiver got them.
fn notices(receiver: &Receiver) -> Vec<Value> {
    let requests = receiver.requests().into_iter();
    let bodies = requests.map(|request| serde_json::from_str(&request.body).unwrap());
    bodies.collect()
}

/// Breaks and mends the manifest: the alert of the next tests.
fn breaks(site: &Site) {
    site.write_manifest("version = = 1");
}

#[test]
fn an_alert_is_told_once_when_it_starts_and_once_when_it_ends() {
    let receiver = Receiver::start();
    let manifest = manifest(
        &receiver,
        "json",
        "[[alerts]]\nwhen = \"dead_letters\"\nwithin = \"4s\"\nquiet = \"0s\"\nseverity = \"error\"\n",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    stays("nothing is told", LOOKS, || receiver.requests().is_empty());
    gateway.accepts(&Event::new("test.reject", json!({ "do": "reject" })));
    eventually("the start is told", || receiver.requests().len() == 1);
    eventually("status has the alert", || {
        gateway.status_at("/alerts/0/key") == "dead_letters" || receiver.requests().len() > 1
    });
    eventually("the end is told", || receiver.requests().len() == 2);
    stays("nothing more is told", LOOKS, || {
        receiver.requests().len() == 2
    });
    let [started, ended] = &notices(&receiver)[..] else {
        panic!("two notices");
    };
    for (notice, status) in [(started, "started"), (ended, "ended")] {
        assert_eq!(notice["status"], status);
        assert_eq!(notice["alert"], "dead_letters");
        assert_eq!(notice["severity"], "error");
        assert_eq!(notice["text"], "dead letters within 4s: 1");
    }
    assert_eq!(started["key"], ended["key"]);
    let requests = receiver.requests();
    assert_ne!(requests[0].key, requests[1].key);
    assert_eq!(requests[0].path, "/hooks/s3cret-part");
    assert_eq!(requests[0].headers["content-type"], "application/json");
    the_records_are_whole(&site, gateway);
}

/// Notices are on record, without the secret part of their URL.
fn the_records_are_whole(site: &Site, gateway: Gateway) {
    let listed = site.run("outbox list", &["--handler", "alert:ops", "--json"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("alert:ops").count(), 2, "{listed}");
    let listed = site.run("events list", &["--source", "tollgate:alerts"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("alert.started") && listed.contains("alert.ended"),
        "{listed}"
    );
    let handlers = site.run("handlers list", &[]);
    assert!(
        !String::from_utf8(handlers.stdout)
            .unwrap()
            .contains("alert:")
    );
    let log = gateway.stop();
    assert!(
        log.contains("an alert starts") && !log.contains("s3cret"),
        "{log}"
    );
    for (path, bytes) in site.data_files() {
        // The last good manifest is a copy of the manifest.
        let is_manifest = path
            .components()
            .any(|part| part.as_os_str() == "last-good");
        let has_secret = bytes.windows(6).any(|part| part == b"s3cret");
        assert!(is_manifest || !has_secret, "{}", path.display());
    }
    let verified = site.run("ledger verify", &[]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_kill_neither_loses_nor_doubles_a_notice() {
    let receiver = Receiver::with(|request| match request.before {
        // The receiver is down at first.
        0 => Reply::Status(503),
        _ => Reply::Status(200),
    });
    let manifest = manifest(
        &receiver,
        "json",
        "[[alerts]]\nwhen = \"dead_letters\"\nwithin = \"1h\"\n",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    eventually("the first look", || {
        site.ledger().count("SELECT count(*) FROM alert_memory", []) == 1
    });
    gateway.accepts(&Event::new("test.reject", json!({ "do": "reject" })));
    gateway.settles();
    // Before or after the look that finds the dead delivery.
    gateway.kill();
    let gateway = site.start();
    eventually("the start is told", || receiver.effects() == 1);
    gateway.kill();
    let gateway = site.start();
    eventually("the notice arrives", || {
        site.ledger()
            .count("SELECT count(*) FROM outbox WHERE state = 'sent'", [])
            == 1
    });
    stays("it is told once", LOOKS, || receiver.effects() == 1);
    assert_eq!(gateway.status_at("/alerts/0/key"), "dead_letters");
}

#[test]
fn pagerduty_and_slack_get_what_they_understand() {
    let receiver = Receiver::start();
    let own = Receiver::start();
    let manifest = manifest(
        &receiver,
        "slack",
        &format!(
            "[alert_receivers.night]\nformat = \"pagerduty\"\nurl = \"{}\"\n\
             routing_key = \"r0uting-key\"\n\
             [[alerts]]\nwhen = \"reload_failing\"\nquiet = \"0s\"\n",
            own.url("/v2/enqueue")
        ),
    );
    let site = Site::new(&manifest);
    let _gateway = site.start();
    breaks(&site);
    eventually("the start is told", || {
        receiver.requests().len() == 1 && own.requests().len() == 1
    });
    site.write_manifest(&manifest.text());
    eventually("the end is told", || {
        receiver.requests().len() == 2 && own.requests().len() == 2
    });
    let texts: Vec<_> = notices(&receiver)
        .into_iter()
        .map(|notice| notice["text"].clone())
        .collect();
    let starts = |at: usize, with: &str| texts[at].as_str().unwrap().starts_with(with);
    assert!(starts(0, ":warning: the manifest"), "{texts:?}");
    assert!(
        starts(1, ":white_check_mark: over: the manifest"),
        "{texts:?}"
    );
    let [trigger, resolve] = &notices(&own)[..] else {
        panic!("two events");
    };
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_eq!(trigger["routing_key"], "r0uting-key");
    let bodies = site.ledger().count(
        "SELECT count(*) FROM outbox_bodies WHERE CAST(body AS TEXT) LIKE '%r0uting%'",
        [],
    );
    assert_eq!(bodies, 0, "no row has the key");
}

/// Alerts of every kind for which a test can make the reason, with what they are told about.
const REASONS: &[(&str, &str)] = &[
    ("backlog_age", ""),
    ("breaker_open", "guest"),
    ("disk_full", ""),
    ("rejections", "stripe"),
    ("secret_expires", "stripe/2"),
    ("source_silent", "stripe"),
];

#[test]
fn each_condition_is_found_in_a_running_gateway() {
    let receiver = Receiver::start();
    let alerts = "[[alerts]]\nwhen = \"backlog_age\"\nafter = \"1s\"\n\
         [[alerts]]\nwhen = \"breaker_open\"\n\
         [[alerts]]\nwhen = \"disk_full\"\nfree = 1.0\n\
         [[alerts]]\nwhen = \"rejections\"\nat_least = 2\n\
         [[alerts]]\nwhen = \"secret_expires\"\n\
         [[alerts]]\nwhen = \"source_silent\"\nafter = \"1s\"\n";
    let url = receiver.url("/");
    let handler = Handler::new("guest")
        .retry(100, "10ms")
        .set("breaker = { failures = 0.5, of = 2, open = \"1h\" }");
    let manifest = Manifest::with_one(handler).section(&format!(
        "[alert_receivers.ops]\nformat = \"json\"\nurl = \"{url}\"\n{alerts}"
    ));
    let site = Site::new(&manifest);
    let old = "secrets = [\"${TOLLGATE_TEST_SECRET}\", \
               { value = \"whsec_old\", expires = \"2001-01-01T00:00:00Z\" }]";
    let text = manifest.text();
    site.write_manifest(&text.replace("secrets = [\"${TOLLGATE_TEST_SECRET}\"]", old));
    let gateway = site.start();
    for _ in 0..3 {
        gateway.accepts(&Event::new("test.retry", json!({ "do": "retry" })));
    }
    for _ in 0..4 {
        assert_eq!(gateway.post_signed("t=1,v1=00", b"{}").status, 400);
    }
    let told = || {
        let notices = notices(&receiver).into_iter();
        let started = notices.filter(|notice| notice["status"] == "started");
        let mut told: Vec<_> = started
            .map(|notice| {
                let word = |key: &str| notice[key].as_str().unwrap().to_owned();
                (word("when"), word("subject"))
            })
            .collect();
        told.sort();
        told.dedup();
        told
    };
    let wanted: Vec<_> = REASONS
        .iter()
        .map(|(when, subject)| ((*when).to_owned(), (*subject).to_owned()))
        .collect();
    eventually("every reason is told", || told() == wanted);
}

#[test]
fn a_roll_back_and_a_certificate_that_ends_are_told() {
    let receiver = Receiver::start();
    let manifest = manifest(
        &receiver,
        "json",
        "[[alerts]]\nwhen = \"rolled_back\"\n[[alerts]]\nwhen = \"certificate_expires\"\n",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    let event = || Event::new("test", json!({ "do": "add", "key": "handled" }));
    gateway.accepts(&event());
    gateway.settles();
    let bad = trapping(&component("conformance"));
    site.plug("conformance.wasm", &bad);
    eventually("the bad component serves", || {
        gateway.serves("guest") == digest(&bad)
    });
    for _ in 0..20 {
        gateway.accepts(&event());
    }
    eventually("the roll-back is told", || receiver.requests().len() == 1);
    assert_eq!(
        notices(&receiver)[0]["key"]
            .as_str()
            .unwrap()
            .split_once('/')
            .unwrap()
            .0,
        "rolled_back"
    );
    // A certificate that has ended. Nothing listens with it before the next start.
    let authority = Authority::new();
    authority.write_with(&site, "ended", &["hooks.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 3, 1);
    });
    let tls = manifest.server("tls = { cert = \"ended.pem\", key = \"ended.key\" }");
    site.write_manifest(&tls.text());
    eventually("the end of the certificate is told", || {
        receiver.requests().len() == 2
    });
    let told = &notices(&receiver)[1];
    assert_eq!(told["subject"], "hooks.example");
    assert_eq!(
        told["text"],
        "the certificate for hooks.example expires at 2020-03-01T00:00:00Z"
    );
    let page = get(gateway.admin, "/metrics").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    let end =
        "tollgate_certificate_expiry_timestamp_seconds{certificate=\"hooks.example\"} 1583020800\n";
    assert!(page.contains(end), "{page}");
    assert!(
        page.contains("tollgate_alerts{alert=\"rolled_back\"} 1\n"),
        "{page}"
    );
    assert!(
        page.contains("tollgate_handler_rolled_back{handler=\"guest\"} 1\n"),
        "{page}"
    );
}

#[test]
fn operators_see_what_lasts_and_what_was_told() {
    let receiver = Receiver::start();
    let manifest = manifest(&receiver, "json", "[[alerts]]\nwhen = \"reload_failing\"\n");
    let site = Site::new(&manifest);
    let gateway = site.start();
    let told = || run(&site, &gateway, "alerts", &[]);
    assert_eq!(told(), json!({ "lasting": [], "notices": [] }));
    breaks(&site);
    eventually("the notice was sent", || {
        told()["notices"][0]["state"] == "sent"
    });
    let told = told();
    assert_eq!(told["lasting"][0]["alert"], "reload_failing", "{told:#}");
    assert_eq!(told["lasting"][0]["severity"], "warning");
    assert_eq!(told["notices"][0]["receiver"], "ops");
    assert!(!told.to_string().contains("s3cret-part"), "{told:#}");
    let url = format!("http://{}", gateway.admin);
    let output = site.run("alerts", &["--url", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("reload_failing") && text.contains("sent"),
        "{text}"
    );
}
