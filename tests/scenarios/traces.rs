//! Traces and logs for a collector, which decodes them with OpenTelemetry's own package.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Collector, Event, Gateway, Handler, Launch, Manifest, PATH, Receiver, Reply, SECRET, Site,
    Span, component, eventually, get, now, post, sign, variables,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Posts a rightly signed event with these headers. Returns the status.
fn post_with(gateway: &Gateway, event: &Event, headers: &[(&str, &str)]) -> u16 {
    let signature = sign(SECRET, now(), &event.body);
    let mut all = vec![("stripe-signature", signature.as_str())];
    all.extend_from_slice(headers);
    post(gateway.ingress, PATH, &all, &event.body)
        .unwrap()
        .status
}

fn traced(site: &Site, collector: &Collector) -> Gateway {
    Launch::new(site).envs(&collector.variables()).start()
}

/// A receiver that fails the first request of each path but one.
fn moody() -> Receiver {
    Receiver::with(|request| match (request.path.as_str(), request.before) {
        ("/ship", 0) => Reply::Status(503),
        ("/ask", _) => Reply::Body(200, "yes".to_owned()),
        _ => Reply::Status(200),
    })
}

#[test]
fn one_trace_leads_from_a_request_to_what_became_of_it() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let receiver = moody();
    let manifest = Manifest::new()
        .handler(
            Handler::new("guest")
                .retry(3, "10ms")
                .allow(receiver.address),
        )
        .route("test.*", &["guest"])
        .route_of("handler:guest", "order.*", &["guest"], "");
    let site = Site::new(&manifest);
    let gateway = traced(&site, &collector);
    let event = Event::new(
        "test.sent",
        json!([
            { "do": "log", "level": "info", "message": "seen" },
            { "do": "get", "key": "customer-77" },
            { "do": "send", "url": receiver.url("/ship?token=q_secret"), "body": {} },
            { "do": "emit", "kind": "order.fulfilled", "payload": {} },
            { "do": "flaky", "succeed_at": 2, "after_ms": 10 },
        ]),
    );
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", parent.as_str()), ("tracestate", "vendor=7")];
    assert_eq!(post_with(&gateway, &event, &headers), 200);
    gateway.drains();

    let server = collector.span(&format!("POST {PATH}"));
    assert_eq!(
        (server.text("trace"), server.text("parent")),
        (TRACE, CALLER)
    );
    assert_eq!(server.text("state"), "vendor=7");
    assert_eq!(server.0["kind"], 2, "a server's");
    assert_eq!(*server.attribute("http.response.status_code"), 200);
    assert_eq!(*server.attribute("http.route"), PATH);
    assert_eq!(*server.attribute("tollgate.source"), "stripe");
    for name in ["verify", "record"] {
        assert!(collector.span(name).is_below(&server), "{name}");
    }
    let attempt = attempts_of(&collector, &server);
    // A try that failed and one that did not, each a part of the attempt that queued the request.
    let tries = collector.spans("POST", 2);
    assert_eq!(*tries[0].attribute("http.response.status_code"), 503);
    assert_eq!(*tries[1].attribute("http.request.resend_count"), 1);
    let url = tries[0].attribute("url.full").as_str().unwrap();
    assert_eq!(url, receiver.url("/ship?REDACTED"));
    for (sent, span) in receiver.requests().iter().zip(&tries) {
        assert!(span.is_below(&attempt));
        let told = format!("00-{TRACE}-{}-01", span.text("span"));
        assert_eq!(sent.headers["traceparent"], told);
        assert_eq!(sent.headers["tracestate"], "vendor=7");
    }
    let all = serde_json::to_string(&collector.exports()).unwrap();
    for secret in ["q_secret", SECRET, "customer-77"] {
        assert!(!all.contains(secret), "{secret}");
    }
    for export in collector.exports() {
        assert_eq!(export["resource"]["service.name"], "tollgate");
    }
}

/// Checks the attempts of the event and their parts. Returns the attempt that succeeded.
fn attempts_of(collector: &Collector, server: &Span) -> Span {
    // Two attempts of the event and one of the emitted event.
    let attempts = collector.spans("handle guest", 3);
    assert!(attempts[0].is_below(server) && attempts[0].0["failed"] == true);
    assert!(attempts[1].is_below(server) && attempts[1].0["failed"] == false);
    assert_eq!(*attempts[0].attribute("tollgate.outcome"), "retry");
    assert_eq!(*attempts[1].attribute("tollgate.attempt"), 2);
    assert!(attempts[2].is_below(&attempts[1]), "{attempts:#?}");
    let commits = collector.spans("commit", 3);
    let reads = collector.spans("state.get", 2);
    for (attempt, parts) in attempts
        .iter()
        .zip([(&commits[0], &reads[0]), (&commits[1], &reads[1])])
    {
        assert!(parts.0.is_below(attempt) && parts.1.is_below(attempt));
    }
    attempts[1].clone()
}

#[test]
fn a_trace_goes_on_after_a_restart() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let restarted = Arc::new(AtomicBool::new(false));
    let well = restarted.clone();
    let receiver = Receiver::with(move |_| match well.load(Ordering::SeqCst) {
        false => Reply::Status(500),
        true => Reply::Status(200),
    });
    let handler = Handler::new("guest").retry(9, "2s").allow(receiver.address);
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = traced(&site, &collector);
    let fails = Event::new("test.flaky", json!({ "do": "flaky", "succeed_at": 2 }));
    gateway.accepts(&fails);
    let sends = Event::new(
        "test.send",
        json!({ "do": "send", "url": receiver.url("/") }),
    );
    gateway.accepts(&sends);
    // The second attempt and the try that succeeds come after the restart.
    collector.spans("handle guest", 2);
    eventually("a try fails", || !receiver.requests().is_empty());
    gateway.kill();
    restarted.store(true, Ordering::SeqCst);
    let gateway = traced(&site, &collector);
    gateway.drains();
    let servers = collector.spans(&format!("POST {PATH}"), 2);
    let attempts = collector.spans("handle guest", 3);
    assert!(attempts[2].is_below(&servers[0]), "{attempts:#?}");
    let sent = || {
        let mut spans = collector.items("traces").into_iter().map(Span);
        spans.find(|span| {
            span.text("name") == "POST" && *span.attribute("http.response.status_code") == 200
        })
    };
    eventually("the try that succeeds is exported", || sent().is_some());
    assert!(sent().unwrap().is_below(&attempts[1]), "{attempts:#?}");
}

#[test]
fn grpc_carries_traces_and_logs_with_headers_and_resource() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = Launch::new(&site)
        .envs(&variables(&collector.grpc))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=payments")
        .env("OTEL_SERVICE_NAME", "shop")
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        )
        .env("OTEL_LOGS_EXPORTER", "otlp")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "20")
        .start();
    let steps =
        json!({ "do": "log", "level": "warn", "message": "seen", "fields": [["order", "7"]] });
    let id = gateway.accepts(&Event::new("test.log", steps));
    let attempt = collector.span("handle guest");
    let line = || {
        let logs = collector.items("logs").into_iter();
        logs.into_iter().find(|line| line["body"] == "seen")
    };
    eventually("the guest's line comes", || line().is_some());
    let line = line().unwrap();
    assert_eq!(line["severity"], "WARN");
    assert_eq!(line["attributes"]["tollgate.handler"], "guest");
    assert_eq!(line["attributes"]["tollgate.event.id"], id);
    assert_eq!(line["attributes"]["tollgate.attempt"], 1);
    assert_eq!(line["attributes"]["order"], "7");
    assert_eq!(line["trace"], attempt.text("trace"));
    assert_eq!(line["span"], attempt.text("span"));
    let own = |text: &str| {
        collector
            .items("logs")
            .iter()
            .any(|line| line["body"] == text)
    };
    eventually("the gateway's own lines come, too", || {
        own("serving") || !collector.items("logs").is_empty()
    });
    for export in collector.exports() {
        assert_eq!(export["protocol"], "grpc");
        assert_eq!(export["headers"]["x-team"], "payments");
        assert_eq!(export["resource"]["service.name"], "shop");
        assert_eq!(export["resource"]["deployment.environment.name"], "test");
    }
    let page = get(gateway.admin, "/metrics").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    let dropped = "tollgate_telemetry_items_total{signal=\"traces\",result=\"dropped\"} 0";
    assert!(page.contains(dropped), "{page}");
    assert!(gateway.stderr().lines().all(|line| !line.contains("seen")));
}

#[test]
fn an_immediate_request_is_a_part_of_its_attempt() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let receiver = moody();
    let handler = Handler::new("guest")
        .component("asking.wasm")
        .allow_with(receiver.address, "immediate = true");
    let site = Site::new(&Manifest::with_one(handler));
    site.plug("asking.wasm", &component("asking"));
    let gateway = traced(&site, &collector);
    let asks = json!({ "asks": [{ "url": receiver.url("/ask?key=q_secret") }] });
    gateway.accepts(&Event::about("evt_asks", "test.ask", asks));
    gateway.drains();
    let attempt = collector.span("handle guest");
    let asked = collector.span("GET");
    assert!(asked.is_below(&attempt), "{asked:?}");
    assert_eq!(*asked.attribute("http.response.status_code"), 200);
    assert_eq!(*asked.attribute("url.full"), receiver.url("/ask?REDACTED"));
    let told = &receiver.requests()[0].headers["traceparent"];
    assert!(told.contains(asked.text("span")), "{told}");
}

#[test]
fn a_stranger_chooses_no_trace() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = Launch::new(&site)
        .envs(&collector.variables())
        .env("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        .start();
    let event = Event::new("test.done", json!({ "do": "done" }));
    let sampled = [(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )];
    let forged: Vec<_> = sampled
        .iter()
        .copied()
        .chain([("stripe-signature", "t=1,v1=00")])
        .collect();
    let answer = post(gateway.ingress, PATH, &forged, &event.body).unwrap();
    assert_eq!(answer.status, 400);
    // Not sampled here, and malformed: a trace of its own, which is not sampled.
    assert_eq!(
        post_with(&gateway, &event, &[("traceparent", "00-nonsense-01")]),
        200
    );
    let event = Event::new("test.done", json!({ "do": "done" }));
    assert_eq!(post_with(&gateway, &event, &sampled), 200);
    gateway.settles();
    let attempt: Span = collector.span("handle guest");
    assert_eq!(attempt.text("trace"), TRACE);
    let spans = collector.items("traces");
    assert!(
        spans.iter().all(|span| span["trace"] == TRACE),
        "{spans:#?}"
    );
    collector.span(&format!("POST {PATH}"));
}

/// What `/metrics` counts of traces.
fn counted(gateway: &Gateway, result: &str) -> u64 {
    let page = get(gateway.admin, "/metrics").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    let start = format!("tollgate_telemetry_items_total{{signal=\"traces\",result=\"{result}\"}} ");
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix(&start));
    value.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn a_collector_that_takes_nothing_delays_nothing() {
    let absent = "http://127.0.0.1:9".to_owned();
    let modes = ["hang", "refuse"].map(Collector::start);
    if modes.iter().any(Option::is_none) {
        return;
    }
    let [hangs, refuses] = modes.map(Option::unwrap);
    let endpoints = [
        (absent.clone(), "http/protobuf"),
        (absent, "grpc"),
        (hangs.http.clone(), "http/protobuf"),
        (hangs.grpc.clone(), "grpc"),
        (refuses.http.clone(), "http/protobuf"),
        (refuses.grpc.clone(), "grpc"),
    ];
    for (endpoint, protocol) in &endpoints {
        let site = Site::new(&Manifest::with_one(Handler::new("guest")));
        let gateway = Launch::new(&site)
            .envs(&variables(endpoint))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "8")
            .start();
        for _ in 0..20 {
            gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
        }
        gateway.settles();
        eventually("what cannot be exported is counted", || {
            counted(&gateway, "dropped") > 50
        });
        assert_eq!(counted(&gateway, "exported"), 0, "{endpoint}");
        let told = "traces cannot be exported";
        eventually("the log tells", || gateway.stderr().contains(told));
        gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
        let began = Instant::now();
        let log = gateway.stop();
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(20),
            "{endpoint} {protocol}: {took:?}"
        );
        assert_eq!(
            log.matches(told).count(),
            1,
            "{endpoint} {protocol}:\n{log}"
        );
    }
}

#[test]
fn what_is_left_at_the_end_is_exported() {
    let Some(collector) = Collector::start("ok") else {
        return;
    };
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = Launch::new(&site)
        .envs(&collector.variables())
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .start();
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.settles();
    assert!(collector.exports().is_empty());
    gateway.stop();
    collector.span("handle guest");
}

#[test]
fn without_the_variables_there_is_no_trace() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ));
    let gateway = site.start();
    let event = Event::new(
        "test.send",
        json!({ "do": "send", "url": receiver.url("/") }),
    );
    let headers = [(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )];
    assert_eq!(post_with(&gateway, &event, &headers), 200);
    gateway.drains();
    assert_eq!(receiver.requests()[0].headers.get("traceparent"), None);
    let page = get(gateway.admin, "/metrics").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    assert!(!page.contains("tollgate_telemetry_items_total{"), "{page}");
}

#[test]
fn a_variable_that_is_not_understood_is_told() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = Launch::new(&site)
        .env("OTEL_TRACES_EXPORTER", "zipkin")
        .start();
    let log = gateway.stderr();
    assert!(log.contains("OTEL_TRACES_EXPORTER=zipkin"), "{log}");
    let _: Value = gateway.status();
}

#[test]
fn an_answer_that_is_no_otlp_harms_nothing() {
    let Some(collector) = Collector::start("nonsense") else {
        return;
    };
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = traced(&site, &collector);
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.settles();
    collector.span("handle guest");
    eventually("the export has ended", || {
        counted(&gateway, "exported") + counted(&gateway, "dropped") > 3
    });
    gateway.accepts(&Event::new("test.done", json!({ "do": "done" })));
    gateway.stop();
}
