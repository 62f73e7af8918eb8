//! `GET /metrics`: what Prometheus and its tools make of it, and what moves the figures.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{
    Answer, Connection, Event, Gateway, Handler, Manifest, PATH, Prometheus, Receiver, Site,
    eventually, get, has_prometheus, now, post, promtool, request,
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const TEXT: &str = "text/plain;version=0.0.4";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/observability")
}

impl Gateway {
    fn metrics(&self, accept: &str) -> Answer {
        let mut connection = Connection::open(self.admin).unwrap();
        let asked = request("GET", "/metrics", &[("accept", accept)], b"");
        connection.write(&asked).unwrap();
        connection.answer().unwrap()
    }

    /// Returns the series with their values.
    fn series(&self) -> HashMap<String, f64> {
        let page = String::from_utf8(self.metrics(TEXT).body).unwrap();
        let series = page.lines().filter(|line| !line.starts_with('#'));
        let parsed = series.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        parsed.collect()
    }

    fn metric(&self, series: &str) -> f64 {
        self.series().get(series).copied().unwrap_or_default()
    }
}

/// A gateway on which every metric has a series, as far as that takes no certificate.
fn busy(receiver: &Receiver) -> (Site, Gateway) {
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address));
    let site = Site::new(&manifest);
    let secrets =
        "secrets = [{ value = \"${TOLLGATE_TEST_SECRET}\", expires = \"2099-01-01T00:00:00Z\" }]";
    let text = manifest
        .text()
        .replace("secrets = [\"${TOLLGATE_TEST_SECRET}\"]", secrets);
    site.write_manifest(&text);
    let gateway = site.start();
    let event = Event::new("test.done", json!({ "do": "done" }));
    gateway.accepts(&event);
    gateway.accepts_again(&event);
    gateway.accepts(&Event::new(
        "test.send",
        json!({ "do": "send", "url": receiver.url("/x") }),
    ));
    gateway.accepts(&Event::new("test.reject", json!({ "do": "reject" })));
    let wrong = format!("t={},v1={}", now(), "0".repeat(64));
    assert_eq!(gateway.post_signed(&wrong, b"{}").status, 400);
    assert_eq!(
        post(gateway.ingress, "/nowhere", &[], b"").unwrap().status,
        404
    );
    gateway.drains();
    // The ledger's totals are read every second.
    eventually("the totals are read", || {
        gateway.metric("tollgate_events") == 3.0
    });
    (site, gateway)
}

/// Series of a busy gateway, with their values.
const MOVED: &[(&str, f64)] = &[
    ("tollgate_ready", 1.0),
    (
        "tollgate_events_received_total{source=\"stripe\",result=\"new\"}",
        3.0,
    ),
    (
        "tollgate_events_received_total{source=\"stripe\",result=\"duplicate\"}",
        1.0,
    ),
    (
        "tollgate_ack_duration_seconds_count{source=\"stripe\"}",
        4.0,
    ),
    (
        "tollgate_rejections_total{source=\"stripe\",reason=\"signature_mismatch\"}",
        1.0,
    ),
    (
        "tollgate_rejections_total{source=\"-\",reason=\"unknown_path\"}",
        1.0,
    ),
    (
        "tollgate_secret_uses_total{source=\"stripe\",secret=\"1\"}",
        4.0,
    ),
    (
        "tollgate_secret_expiry_timestamp_seconds{source=\"stripe\",secret=\"1\"}",
        4_070_908_800.0,
    ),
    (
        "tollgate_handler_duration_seconds_count{handler=\"guest\",outcome=\"done\"}",
        2.0,
    ),
    (
        "tollgate_handler_duration_seconds_count{handler=\"guest\",outcome=\"reject\"}",
        1.0,
    ),
    ("tollgate_handler_breaker_state{handler=\"guest\"}", 0.0),
    ("tollgate_deliveries{state=\"dead\"}", 1.0),
    ("tollgate_deliveries{state=\"done\"}", 2.0),
    ("tollgate_deliveries_due", 0.0),
    ("tollgate_deliveries_died_total", 1.0),
    ("tollgate_oldest_due_seconds", 0.0),
    ("tollgate_outbox_requests{state=\"sent\"}", 1.0),
    (
        "tollgate_outbox_try_duration_seconds_count{outcome=\"sent\"}",
        1.0,
    ),
    ("tollgate_generation_number", 1.0),
    ("tollgate_reload_failing", 0.0),
    ("tollgate_ledger_writable", 1.0),
];

#[test]
fn figures_move_with_events() {
    let receiver = Receiver::start();
    let (_site, gateway) = busy(&receiver);
    let series = gateway.series();
    for (name, expected) in MOVED {
        assert_eq!(series.get(*name), Some(expected), "{name}: {series:#?}");
    }
    for name in [
        "tollgate_ledger_bytes",
        "tollgate_wal_bytes",
        "tollgate_disk_free_bytes",
        "tollgate_commit_batch_size_count",
        "tollgate_commit_duration_seconds_sum",
        "tollgate_source_last_event_timestamp_seconds{source=\"stripe\"}",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "tollgate_admin_requests_total{resource=\"metrics\",status=\"200\"}",
    ] {
        assert!(
            series.get(name).is_some_and(|value| *value > 0.0),
            "{name}: {series:#?}"
        );
    }
}

#[test]
fn a_reload_that_fails_is_told_in_figures_and_in_the_readiness() {
    let manifest = Manifest::with_one(Handler::new("guest"));
    let site = Site::new(&manifest);
    let gateway = site.start();
    site.write_manifest("version = = 1");
    eventually("the failed reload is counted", || {
        gateway.metric("tollgate_reloads_total{result=\"failed\"}") > 0.0
    });
    assert_eq!(gateway.metric("tollgate_reload_failing"), 1.0);
    let ready = get(gateway.admin, "/readyz").unwrap();
    assert_eq!(ready.status, 200, "events are accepted");
    let ready: Value = serde_json::from_slice(&ready.body).unwrap();
    let warning = ready["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("an earlier generation serves"),
        "{warning}"
    );
    site.write_manifest(&manifest.text());
    eventually("the reload is counted", || {
        gateway.metric("tollgate_reloads_total{result=\"loaded\"}") > 0.0
    });
    assert_eq!(gateway.metric("tollgate_reload_failing"), 0.0);
}

#[test]
fn strangers_make_no_new_series() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let hostile = |n: u32| {
        let path = format!("/x{n}%22%7D{n}");
        let header = format!("t={n},v1=\"}} 1");
        let _ = post(gateway.ingress, &path, &[], b"x");
        let _ = post(
            gateway.ingress,
            PATH,
            &[("stripe-signature", &header)],
            b"x",
        );
        let _ = get(gateway.admin, &format!("/api/nonsense{n}"));
        let _ = get(gateway.admin, &format!("/{n}"));
        let mut connection = Connection::open(gateway.ingress).unwrap();
        let _ = connection.write(format!("M{n} / HTTP/9.{n}\r\nhost: h{n}\r\n\r\n").as_bytes());
        let _ = connection.answer();
    };
    gateway.series();
    (0..3).for_each(hostile);
    let names = || gateway.series().into_keys().collect::<BTreeSet<_>>();
    let before = names();
    (3..40).for_each(hostile);
    assert_eq!(names(), before);
    assert!(
        before.iter().all(|name| !name.contains("nonsense")),
        "{before:?}"
    );
}

#[test]
fn the_page_is_for_those_who_may_see_it() {
    let manifest = Manifest::with_one(Handler::new("guest")).server(
        "admin_tokens = [{ name = \"prometheus\", token = \"let-me-in-to-see-the-figures\", \
         role = \"read\" }]",
    );
    let site = Site::new(&manifest);
    let gateway = site.start();
    assert_eq!(gateway.metrics(TEXT).status, 401);
    let mut connection = Connection::open(gateway.admin).unwrap();
    let token = [("authorization", "Bearer let-me-in-to-see-the-figures")];
    connection
        .write(&request("GET", "/metrics", &token, b""))
        .unwrap();
    let page = connection.answer().unwrap();
    assert_eq!(page.status, 200);
    assert!(
        !String::from_utf8(page.body)
            .unwrap()
            .contains("let-me-in-to-see-the-figures")
    );
    if has_prometheus() {
        let prometheus = Prometheus::scraping(
            gateway.admin,
            "    authorization: { credentials: let-me-in-to-see-the-figures }\n",
        );
        assert_eq!(prometheus.scraped(), "");
    }
}

#[test]
fn promtool_finds_no_fault_in_both_formats() {
    if !has_prometheus() {
        return;
    }
    let receiver = Receiver::start();
    let (site, gateway) = busy(&receiver);
    for (accept, kind) in [
        (TEXT, "text/plain; version=0.0.4"),
        (OPEN_METRICS, OPEN_METRICS),
    ] {
        let answer = gateway.metrics(accept);
        assert_eq!(answer.status, 200);
        let found = answer.header("content-type").unwrap().replace("; ", ";");
        assert!(found.starts_with(&kind.replace("; ", ";")), "{found}");
        // `promtool check metrics` reads the older format. In the newer one it takes the end, which
        // is a comment there, and the names of counters, whose types have no `_total`.
        if accept == TEXT {
            let checked = promtool(&site.path(""), &["check", "metrics"], &answer.body);
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(checked.status.success() && said.is_empty(), "{said}");
        } else {
            assert!(answer.body.ends_with(b"# EOF\n"));
        }
    }
}

/// What Prometheus scrapes, and the rules and the dashboard for it.
#[test]
fn prometheus_has_every_metric_that_the_examples_ask_for() {
    if !has_prometheus() {
        return;
    }
    let receiver = Receiver::start();
    let (_site, gateway) = busy(&receiver);
    let prometheus = Prometheus::scraping(gateway.admin, "");
    assert_eq!(prometheus.scraped(), "");
    // A target is up a moment before its figures can be asked for.
    eventually("the figures are there", || {
        prometheus.value("tollgate_events_received_total{result=\"new\"}") == Some(3.0)
    });
    let mut names = prometheus.names();
    // No certificate is there, whose end would be shown.
    names.insert("tollgate_certificate_expiry_timestamp_seconds".to_owned());
    let rules = fs::read_to_string(examples().join("rules.yml")).unwrap();
    let dashboard = fs::read_to_string(examples().join("dashboard.json")).unwrap();
    let asked: BTreeSet<_> = [&rules, &dashboard]
        .into_iter()
        .flat_map(|text| metrics_in(text))
        .collect();
    assert!(asked.len() > 30, "{asked:?}");
    let missing: Vec<_> = asked.difference(&names).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // And every query of the dashboard can be read.
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    for query in queries_of(&dashboard) {
        let query = query
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*")
            .replace("$handler", ".*")
            .replace("$job", "tollgate");
        assert!(prometheus.understands(&query), "{query}");
    }
}

/// The names of metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let metrics = words.filter(|word| {
        let of_process = word.starts_with("process_") && word.matches('_').count() > 1;
        word.starts_with("tollgate_") || of_process || *word == "process_threads"
    });
    metrics.map(str::to_owned).collect()
}

/// Every value of a key `expr`.
fn queries_of(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(query) if key == "expr" => vec![query.clone()],
                value => queries_of(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(queries_of).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_rules_pass_their_tests() {
    if !has_prometheus() {
        return;
    }
    for arguments in [
        &["check", "rules", "rules.yml"][..],
        &["test", "rules", "rules_test.yml"],
        &["check", "config", "prometheus.yml"],
    ] {
        let done = promtool(&examples(), arguments, b"");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{arguments:?}: {said}");
    }
}
