//! Tests of the handler, with the gateway in memory.

use tollgate_handler::testing::{self, Host};

use super::*;

fn created(object: serde_json::Value) -> Event {
    let payload = json!({
        "id": "evt_1", "type": "customer.created", "created": 1_767_225_600,
        "data": { "object": object },
    });
    testing::event("customer.created", &payload)
}

fn host() -> Host {
    Host::new().config("mail_url", "https://mail.example.com/letters")
}

#[test]
fn a_customer_gets_one_letter() {
    let mut host = host();
    let event = created(json!({ "id": "cus_1", "email": "ada@example.com", "name": "Ada" }));
    let run = host.run(handle, event);
    assert_eq!(run.result, Ok(Outcome::Done));
    assert_eq!(run.sent.len(), 1);
    assert_eq!(run.sent[0].request.url, "https://mail.example.com/letters");
    assert_eq!(
        run.sent[0].json(),
        json!({ "to": "ada@example.com", "text": "Welcome, Ada!" })
    );
    assert_eq!(host.counter("welcomed"), 1);
}

#[test]
fn the_manifest_may_change_the_greeting() {
    let mut host = host().config("greeting", "Hello");
    let event = created(json!({ "id": "cus_1", "email": "ada@example.com" }));
    let run = host.run(handle, event);
    assert_eq!(run.sent[0].json()["text"], "Hello, dear customer!");
}

#[test]
fn failed_attempts_leave_nothing() {
    let mut host = host();
    let customer = json!({
        "id": "cus_1", "email": "ada@example.com", "metadata": { "fail_attempts": "2" },
    });
    for attempt in 1..=2 {
        let event = Event {
            attempt,
            ..created(customer.clone())
        };
        assert!(matches!(
            host.run(handle, event).result,
            Err(Failure::Retry(_))
        ));
        assert_eq!(host.counter("welcomed"), 0);
    }
    let event = Event {
        attempt: 3,
        ..created(customer)
    };
    assert_eq!(host.run(handle, event).result, Ok(Outcome::Done));
    assert_eq!((host.sent.len(), host.counter("welcomed")), (1, 1));
}

#[test]
fn a_customer_without_an_address_is_ignored() {
    let run = host().run(handle, created(json!({ "id": "cus_1", "email": null })));
    assert!(matches!(run.result, Ok(Outcome::Ignored(_))));
    assert!(run.sent.is_empty());
}
