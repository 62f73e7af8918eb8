//! Answers as events, over real sockets.

use serde_json::{Value, json};

use super::harness::*;
use tollgate_base::event::EventId;
use tollgate_ledger::OutboxState::{Dead, Sent, Waiting};
use tollgate_ledger::{Delivery, NewRequest, Respond};

const SECRET: &str = "Bearer tok_NobodyShallReadThis";

/// A request whose answer is asked for.
fn asking(url: &str, key: &str) -> NewRequest {
    NewRequest {
        respond: Some(Respond {
            correlation: "order-1".to_owned(),
            account: None,
            depth: 1,
        }),
        ..post(url, key, None)
    }
}

fn payload(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.event.payload).unwrap()
}

/// The only event that was recorded.
async fn only(setup: &Setup) -> Delivery {
    // The sink is told after the commit that the outbox's state shows.
    let mut delivered = Vec::new();
    until("a delivery is handed over", || {
        delivered.extend(setup.delivered());
        !delivered.is_empty()
    })
    .await;
    assert_eq!(delivered.len(), 1, "{delivered:?}");
    delivered.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_to_the_handler_that_asked_for_it() {
    let setup = Setup::new();
    let receiver = Receiver::new(|received| {
        let echo = received.header("authorization").unwrap().to_owned();
        let body = format!("{{\"id\":\"ship_1\",\"you\":\"{echo}\"}}");
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("set-cookie", "session=1".to_owned()),
            ("x-echo", echo),
        ];
        Reply::Body(201, body.into_bytes(), headers)
    })
    .await;
    let allowed = with_secret(allow(&receiver.origin()), "Authorization", SECRET);
    setup.allow("h", vec![allowed]);
    let outbox = setup.start();
    let event = setup.queue("h", vec![asking(&receiver.url("/"), "key-1")]);
    setup.until_state(Sent, 1).await;
    let delivery = only(&setup).await;
    assert_eq!(delivery.handler.as_str(), "h");
    let response = &delivery.event;
    assert_eq!(response.source.as_str(), "handler:h");
    assert_eq!(response.kind, "outbox.response");
    assert_eq!(response.subject.as_deref(), Some("order-1"));
    assert_eq!((response.depth, response.received), (1, NOW));
    assert_eq!(
        response.metadata,
        [
            ("request".to_owned(), "key-1".to_owned()),
            ("cause".to_owned(), event.to_string())
        ]
    );
    let mut told = payload(&delivery);
    let headers = told.as_object_mut().unwrap().remove("headers").unwrap();
    assert_eq!(
        told,
        json!({
            "outcome": "sent", "idempotency_key": "key-1", "correlation": "order-1", "status": 201,
            "body": "{\"id\":\"ship_1\",\"you\":\"[redacted]\"}", "encoding": "text",
            "truncated": false, "tries": 1, "error": null,
        })
    );
    let headers = headers.as_array().unwrap();
    assert!(headers.contains(&json!(["content-type", "application/json"])));
    assert!(headers.contains(&json!(["x-echo", "[redacted]"])));
    assert!(!headers.iter().any(|header| header[0] == "set-cookie"));
    outbox.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_is_told_too() {
    let setup = Setup::new();
    let receiver = Receiver::new(|received| match received.key() {
        "refused" => Reply::Body(422, vec![0xff, 0xfe], vec![]),
        "long" => Reply::Body(200, vec![b'x'; 101], vec![]),
        _ => Reply::Status(503),
    })
    .await;
    setup.allow("h", vec![allow(&receiver.origin())]);
    let outbox = setup.start();
    let ask = |key: &str| asking(&receiver.url("/"), key);
    setup.queue("h", vec![ask("refused")]);
    setup.until_state(Dead, 1).await;
    let refused = payload(&only(&setup).await);
    assert_eq!(
        (&refused["outcome"], &refused["status"]),
        (&json!("dead"), &json!(422))
    );
    assert_eq!(
        (&refused["body"], &refused["encoding"]),
        (&json!("//4="), &json!("base64"))
    );
    assert_eq!(refused["error"], "answered 422");

    setup.queue("h", vec![ask("long")]);
    setup.until_state(Sent, 1).await;
    let long = payload(&only(&setup).await);
    assert_eq!(
        (long["body"].as_str().unwrap().len(), &long["truncated"]),
        (100, &json!(true))
    );

    setup.queue("h", vec![ask("busy")]);
    for tries in 1..=4 {
        let tried = || {
            let all = setup.list(None);
            all.iter()
                .any(|entry| entry.request.request.key == "busy" && entry.request.tries == tries)
        };
        until("tried", tried).await;
        if tries < 4 {
            assert_eq!(setup.delivered().len(), 0, "it has not ended");
        }
        setup.advance(&outbox, ms(3_600_000));
    }
    let busy = payload(&only(&setup).await);
    assert_eq!((&busy["status"], &busy["tries"]), (&json!(503), &json!(4)));
    assert_eq!(busy["body"], "answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_any_answer_is_told_without_one() {
    let setup = Setup::new();
    let receiver = Receiver::answering(200).await;
    setup.allow("h", vec![allow(&receiver.origin())]);
    let outbox = setup.start();
    setup.queue("h", vec![asking("http://elsewhere.example/", "key-1")]);
    setup.until_state(Dead, 1).await;
    let told = payload(&only(&setup).await);
    for absent in ["status", "body", "encoding"] {
        assert_eq!(told[absent], Value::Null, "{absent}");
    }
    assert!(told["error"].as_str().unwrap().contains("allow"), "{told}");

    // Whoever did not ask is told nothing.
    setup.queue("h", vec![post(&receiver.url("/"), "key-2", None)]);
    setup.until_state(Sent, 1).await;
    assert_eq!(setup.delivered().len(), 0);
    drop(outbox);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_of_a_request_has_one_id_whenever_it_ends() {
    let ids: Vec<EventId> = {
        let mut ids = Vec::new();
        for status in [200, 404] {
            let (setup, receiver) = (Setup::new(), Receiver::answering(status).await);
            setup.allow("h", vec![allow(&receiver.origin())]);
            setup.queue("h", vec![asking(&receiver.url("/"), "key-1")]);
            setup.clock.advance(ms(status.into()));
            let outbox = setup.start();
            until("it ends", || setup.count(Waiting) == 0).await;
            ids.push(only(&setup).await.event.id);
            outbox.stop(PATIENCE).await;
        }
        ids
    };
    assert_eq!(ids[0], ids[1]);
}
