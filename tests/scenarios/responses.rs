//! Responses of queued requests as events: one for each request, for the handler that asked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Event, Handler, Launch, Ledger, Manifest, Receiver, Reply, Site, eventually};

fn site(receiver: &Receiver) -> Site {
    Site::new(&Manifest::with_one(
        Handler::new("guest").allow(receiver.address),
    ))
}

/// Makes an event that queues a request. The guest runs `then` when the response arrives.
fn ask(url: &str, body: &str, then: &Value) -> Event {
    Event::new(
        "test.ask",
        json!({ "do": "send", "url": url, "body": body, "respond": then }),
    )
}

/// Returns the recorded payloads of the response events.
fn answers(ledger: &Ledger) -> Vec<Value> {
    let payloads = ledger.texts(
        "SELECT CAST(payload AS TEXT) FROM events JOIN bodies ON event = seq
         WHERE kind = 'outbox.response' ORDER BY seq",
        [],
    );
    payloads
        .iter()
        .map(|payload| serde_json::from_str(payload).unwrap())
        .collect()
}

#[test]
fn an_answer_comes_back_to_the_handler_that_asked() {
    const TOKEN: &str = "tok_8uNobodyShallReadThis";
    let receiver = Receiver::with(|request| {
        let body = format!("{} says {}", request.headers["authorization"], request.body);
        Reply::Body(201, body)
    });
    let secret = "headers = { Authorization = \"Bearer ${TOKEN_OF_THE_TEST}\" }";
    let manifest = Manifest::new()
        .handler(Handler::new("guest").allow_with(receiver.address, secret))
        .handler(Handler::new("other"))
        .route("*", &["guest"])
        .route_of("handler:guest", "*", &["other"], "");
    let site = Site::new(&manifest);
    let gateway = Launch::new(&site).env("TOKEN_OF_THE_TEST", TOKEN).start();
    let then = json!({ "steps": [{ "do": "echo" }, { "do": "add", "key": "answers" }] });
    let id = gateway.accepts(&ask(&receiver.url("/"), "hello", &then));
    gateway.accepts(&Event::new(
        "test.tell",
        json!({ "do": "send", "url": receiver.url("/"), "body": "nobody asks" }),
    ));
    gateway.drains();
    gateway.settles();
    let ledger = site.ledger();
    let answers = answers(&ledger);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0]["outcome"], "sent");
    assert_eq!(answers[0]["status"], 201);
    assert_eq!(answers[0]["body"], "[redacted] says hello");
    let asked = receiver.requests();
    let asked = asked
        .iter()
        .find(|request| request.body == "hello")
        .unwrap();
    assert_eq!(answers[0]["idempotency_key"], asked.key.as_str());
    assert_eq!(ledger.state("guest", "answers").as_deref(), Some("1"));
    assert_eq!(ledger.deliveries_in("other", "done"), 0, "no route applies");
    let logs = ledger.texts("SELECT logs FROM v_attempts WHERE logs LIKE '%echo%'", []);
    assert!(
        logs[0].contains(&id),
        "the answer names its cause: {logs:?}"
    );
    for (file, bytes) in site.data_files() {
        let found = bytes
            .windows(TOKEN.len())
            .any(|part| part == TOKEN.as_bytes());
        assert!(!found, "the token is in {}", file.display());
    }
}

#[test]
fn what_is_given_up_is_answered_too() {
    let receiver = Receiver::with(|request| match request.path.as_str() {
        "/gone" => Reply::Body(410, "no more".to_owned()),
        _ => Reply::Status(500),
    });
    let site = site(&receiver);
    let gateway = site.start();
    let then = json!({ "do": "add", "key": "answers" });
    gateway.accepts(&ask(&receiver.url("/gone"), "", &then));
    gateway.accepts(&ask(&receiver.url("/always-500"), "", &then));
    gateway.drains();
    let ledger = site.ledger();
    eventually("both answers", || {
        ledger.state("guest", "answers").as_deref() == Some("2")
    });
    let answers = answers(&ledger);
    let told = |status: u16| {
        let mut answers = answers.iter();
        answers.find(|answer| answer["status"] == status).unwrap()
    };
    assert_eq!(told(410)["body"], "no more");
    assert_eq!(told(410)["outcome"], "dead");
    assert_eq!(told(500)["error"], "answered 500");
    assert_eq!(told(500)["tries"], 6);
}

#[test]
fn kills_between_answer_and_record_bring_one_event_each() {
    let receiver = Receiver::with(|_| Reply::Hang(Duration::from_millis(30)));
    let site = site(&receiver);
    let rounds = 6;
    for round in 0..rounds {
        let gateway = site.start();
        for number in 0..30 {
            let name = format!("{round}-{number}");
            let then = json!({ "do": "increment", "key": name });
            gateway.accepts(&ask(&receiver.url("/"), &name, &then));
        }
        std::thread::sleep(Duration::from_millis(round * 25));
        gateway.kill();
    }
    let gateway = site.start();
    gateway.drains();
    let ledger = site.ledger();
    let total = usize::try_from(rounds * 30).unwrap();
    eventually("all have been answered", || {
        answers(&ledger).len() == total && ledger.unfinished() == 0
    });
    let states = ledger.states("guest");
    assert_eq!(states.len(), total);
    assert!(states.iter().all(|(_, value)| value == "1"), "{states:?}");
    assert_eq!(receiver.effects(), total);
    assert!(receiver.requests().len() > total, "some were sent again");
}

#[test]
fn a_chain_of_answers_ends() {
    let receiver = Receiver::start();
    let site = site(&receiver);
    let gateway = site.start();
    // Each response sends the next request. The chain is longer than allowed.
    let mut chain = json!({ "do": "add", "key": "links" });
    for _ in 0..12 {
        chain = json!({ "steps": [
            { "do": "add", "key": "links" },
            { "do": "send", "url": receiver.url("/"), "respond": chain },
        ] });
    }
    gateway.accepts(&Event::new("test.chain", chain["steps"].clone()));
    let ledger = site.ledger();
    let refused = || {
        ledger.count(
            "SELECT count(*) FROM attempts WHERE logs LIKE '%refused%too deep%'",
            [],
        )
    };
    eventually("the last link is told", || refused() == 1);
    gateway.drains();
    assert_eq!(ledger.state("guest", "links").as_deref(), Some("9"));
}

#[test]
fn answers_of_one_key_are_handled_one_after_another() {
    let receiver = Receiver::start();
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest")
            .retry(5, "100ms")
            .allow(receiver.address)
            .set("order_by = \"subject\""),
    ));
    let gateway = site.start();
    // The subject is the request's `respond` text, here the same for both. Each event fails
    // twice.
    let then = json!({ "do": "flaky", "succeed_at": 3 });
    let send = json!({ "do": "send", "url": receiver.url("/"), "respond": then, "times": 2 });
    gateway.accepts(&Event::new("test.ask", send));
    let ledger = site.ledger();
    let attempts = || ledger.attempted("outbox.response");
    eventually("both are done", || attempts().len() == 6);
    let attempts = attempts();
    assert!(attempts.is_sorted(), "{attempts:?}");
}
