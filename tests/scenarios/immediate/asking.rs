//! What a request reaches, and what its wait costs others.

use std::time::Duration;

use super::*;
use crate::harness::{Launch, Receiver, Reply, eventually, reaches, run};

#[test]
fn an_answer_is_read_and_the_credentials_stay_with_the_gateway() {
    const TOKEN: &str = "tok_4kNobodyShallReadThis";
    let receiver = Receiver::with(|request| {
        let told = request.headers["authorization"].clone();
        Reply::Body(201, format!("{} {} {told}", request.method, request.body))
    });
    let grant =
        format!("{GRANT}\nheaders = {{ Authorization = \"Bearer ${{TOKEN_OF_THE_TEST}}\" }}");
    let site = site_of(asking("guest").allow_with(receiver.address, &grant));
    let gateway = Launch::new(&site).env("TOKEN_OF_THE_TEST", TOKEN).start();
    let event = ask(json!([{
        "method": "POST", "url": receiver.url("/score?key=q_secret"), "body": "x".repeat(20_000),
        "headers": [["x-own", "1"], ["authorization", "of the guest"], ["te", "trailers"]],
    }]));
    handled(&gateway, &event);
    let lines = logged(&site.ledger(), &event);
    assert_eq!(field(&lines[0], "status"), "201", "{lines:?}");
    assert!(
        field(&lines[0], "body").ends_with("[redacted]"),
        "{lines:?}"
    );
    let requests = receiver.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(request.path, "/score");
    assert_eq!(request.body.len(), 20_000);
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(request.headers["x-own"], "1");
    assert_eq!(request.headers["host"], receiver.address.to_string());
    assert_eq!(request.headers.get("te"), None);
    drop(gateway);
    for (path, bytes) in site.data_files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN), "{}", path.display());
    }
}

#[test]
fn what_is_not_granted_is_denied_and_the_log_says_what_to_write() {
    let receiver = Receiver::start();
    let (granted, for_outbox) = (Receiver::start(), Receiver::start());
    let handler = asking("guest")
        .allow_with(granted.address, GRANT)
        .allow(for_outbox.address);
    let site = site_of(handler.set("requests = 5"));
    let gateway = site.start();
    let url = |url: String| json!({ "url": url });
    let event = ask(json!([
        url(receiver.url("/")),
        url(for_outbox.url("/")),
        { "url": granted.url("/"), "method": "CONNECT" },
        { "url": granted.url("/"), "method": "TRACE" },
        url(granted.url("/")),
        url(granted.url("/one-too-many")),
    ]));
    handled(&gateway, &event);
    let lines = logged(&site.ledger(), &event);
    let told = |error: &str| {
        lines
            .iter()
            .filter(|line| line.to_string().contains(error))
            .count()
    };
    assert_eq!(told("the gateway denied the request"), 5, "{lines:#?}");
    for why in [
        format!(
            "http://{} is not granted: write `[[handlers.guest.allow]]`",
            receiver.address
        ),
        format!(
            "http://{} is granted for the outbox alone",
            for_outbox.address
        ),
        "CONNECT asks for a tunnel".to_owned(),
        "TRACE asks the receiver to repeat the request".to_owned(),
        "the handler's limit on immediate requests was reached: 5 are allowed".to_owned(),
    ] {
        assert_eq!(told(&why), 1, "{why}: {lines:#?}");
    }
    assert_eq!(granted.requests().len(), 1);
    assert_eq!(receiver.requests().len() + for_outbox.requests().len(), 0);
}

#[test]
fn a_handler_that_asks_is_not_loaded_without_a_grant() {
    let receiver = Receiver::start();
    let site = site_of(asking("guest").allow(receiver.address));
    let output = site.run("check", &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    let help = "which is not granted; write `[[handlers.guest.allow]]` with \
                `origin = \"https://…\"` and `immediate = true`";
    assert!(text.contains(help), "{text}");
}

#[test]
fn a_redirect_is_an_answer() {
    let receiver = Receiver::with(|request| match request.path.as_str() {
        "/redirect" => Reply::Redirect("http://169.254.169.254/latest".to_owned()),
        _ => Reply::Status(200),
    });
    let site = site_of(asking("guest").allow_with(receiver.address, GRANT));
    let gateway = site.start();
    let event = ask(json!([{ "url": receiver.url("/redirect") }]));
    handled(&gateway, &event);
    let lines = logged(&site.ledger(), &event);
    assert_eq!(
        field(&lines[0], "location"),
        "http://169.254.169.254/latest",
        "{lines:?}"
    );
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn what_is_too_large_or_too_late_is_no_answer() {
    let receiver = Receiver::with(|request| match request.path.as_str() {
        "/large" => Reply::Body(200, "x".repeat(2000)),
        "/late" => Reply::Hang(Duration::from_secs(600)),
        "/reset" => Reply::Reset,
        _ => Reply::Status(200),
    });
    let handler = asking("guest").allow_with(receiver.address, GRANT);
    let site = site_of(
        handler
            .set("response = \"1000B\"")
            .set("effects = \"4KiB\""),
    );
    let gateway = site.start();
    let event = ask(json!([
        { "url": receiver.url("/large") },
        { "url": receiver.url("/late"), "timeout_ms": 50 },
        { "url": receiver.url("/reset") },
        { "url": receiver.url("/"), "method": "POST", "body": "x".repeat(5000) },
        { "url": receiver.url("/"), "method": "POST", "body": "x".repeat(4000) },
    ]));
    handled(&gateway, &event);
    let lines = logged(&site.ledger(), &event);
    let told = |error: &str| {
        lines
            .iter()
            .filter(|line| line.to_string().contains(error))
            .count()
    };
    let unanswered = lines.iter().filter(|line| line["message"] == "no answer");
    assert_eq!(unanswered.count(), 4, "{lines:#?}");
    assert_eq!(
        told("more than 1000 bytes (`response` in the manifest)"),
        1,
        "{lines:#?}"
    );
    assert_eq!(told("no answer within 50ms"), 1, "{lines:#?}");
    assert_eq!(
        told("at most 4096 bytes (`effects` in the manifest)"),
        1,
        "{lines:#?}"
    );
    assert_eq!(field(&lines[4], "status"), "200", "{lines:#?}");
}

/// A guest that waits for the answer of a request whose write has failed would wait for ever.
#[test]
fn a_body_of_another_length_than_its_header_fails_at_once() {
    let receiver = Receiver::start();
    let handler = asking("guest").allow_with(receiver.address, GRANT);
    let site = site_of(handler.set("timeout = \"10m\""));
    let gateway = site.start();
    let with_length = |length: &str, body: &str| {
        json!({ "url": receiver.url("/"), "method": "POST", "body": body,
                "headers": [["content-length", length]] })
    };
    let long = "x".repeat(100_000);
    let event = ask(json!([
        with_length("3", "four"),
        with_length("5000", &long),
        with_length("5", "four"),
        with_length("5", ""),
        with_length("4", "four"),
    ]));
    handled(&gateway, &event);
    let lines = logged(&site.ledger(), &event);
    let unanswered = lines.iter().filter(|line| line["message"] == "no answer");
    assert_eq!(unanswered.count(), 4, "{lines:#?}");
    for (line, length) in lines.iter().zip(["3", "5000", "5", "5"]) {
        assert!(
            field(line, "error").contains("HttpRequestBodySize"),
            "{line} {length}"
        );
    }
    assert_eq!(field(&lines[4], "status"), "200", "{lines:#?}");
    assert_eq!(receiver.requests().len(), 1);
    // Of a body that is too short the handler is told first. The run may end before the gateway
    // has seen the end of the body.
    let list = run(&site, &gateway, "deliveries list", &[]);
    let seq = list[0]["seq"].to_string();
    let shown = run(&site, &gateway, "deliveries show", &[&seq]).to_string();
    for says in [
        "wrote more bytes of the request's body than its `content-length` of 3 says",
        "wrote more bytes of the request's body than its `content-length` of 5000 says",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
}

#[test]
fn the_timeout_counts_waiting_and_computing() {
    let receiver = Receiver::with(|_| Reply::Hang(Duration::from_secs(600)));
    let handler = asking("guest").allow_with(receiver.address, GRANT);
    let site = site_of(handler.set("timeout = \"300ms\"").retry(1, "10ms"));
    let gateway = site.start();
    let waits = ask(json!([{ "url": receiver.url("/") }]));
    let loops = asks_and(json!([]), json!({ "end": "loop" }));
    gateway.accepts(&waits);
    gateway.accepts(&loops);
    gateway.drains();
    for event in [&waits, &loops] {
        let attempts = site.ledger().attempts(&event.id, "guest");
        assert_eq!(attempts[0].outcome, "timeout", "{attempts:?}");
        let detail = "ran for longer than 300ms, its `timeout` on computing and waiting";
        assert!(attempts[0].detail.contains(detail), "{attempts:?}");
    }
    let lines = logged(&site.ledger(), &waits);
    assert!(
        lines[0]
            .to_string()
            .contains("no answer when the run ended"),
        "{lines:?}"
    );
}

/// More guests wait than the gateway has threads for guests.
const WAITING: i64 = 140;

#[test]
fn guests_that_wait_hold_up_nobody() {
    let receiver = Receiver::with(|_| Reply::Hang(Duration::from_secs(600)));
    let slow = asking("slow")
        .allow_with(receiver.address, GRANT)
        .set("concurrency = 200\nmemory = \"1536KiB\"\ntimeout = \"10m\"");
    let manifest = Manifest::new()
        .handler(slow)
        .handler(Handler::new("guest"))
        .route("test.ask", &["slow"])
        .route("test.other", &["guest"]);
    let site = site(&manifest);
    let gateway = site.start();
    for _ in 0..WAITING {
        gateway.accepts(&ask(json!([{ "url": receiver.url("/") }])));
    }
    reaches("they wait", WAITING, || receiver.requests().len() as i64);
    // The acknowledgements of these, and their runs, need nothing of those that wait.
    for _ in 0..50 {
        gateway.accepts(&Event::new(
            "test.other",
            json!({ "do": "add", "key": "handled" }),
        ));
    }
    eventually("the others are handled", || {
        site.ledger().state("guest", "handled").as_deref() == Some("50")
    });
    assert_eq!(site.ledger().deliveries_in("slow", "pending"), WAITING);
    assert_eq!(gateway.status_at("/guests/may_wait"), WAITING);
    let stderr = gateway.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
}
