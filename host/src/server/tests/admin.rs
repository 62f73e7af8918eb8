//! The admin service.

use serde_json::{Value, json};

use super::*;
use crate::server::{Admin, Api, ApiAnswer, ApiRequest, Readiness, Status};

/// Readiness, and the token.
struct Told(Mutex<Readiness>, Mutex<Option<Secret>>);

impl Told {
    fn ready() -> Arc<Self> {
        Arc::new(Self(
            Mutex::new(Readiness::Ready(Vec::new())),
            Mutex::new(None),
        ))
    }
}

impl Api for Told {
    fn token(&self) -> Option<Secret> {
        self.1.lock().clone()
    }

    fn call(&self, request: &ApiRequest) -> ApiAnswer {
        let ApiRequest { path, query, post } = request;
        ApiAnswer::ok(json!({ "path": path, "query": query, "post": post }))
    }
}

const LOOPBACK: &str = "127.0.0.1:1";
const EVERYWHERE: &str = "0.0.0.0:1";

async fn serve_at(told: &Arc<Told>, address: &str) -> Server {
    let admin = Admin::new(told.clone(), address.parse().unwrap());
    Server::start(Arc::new(admin), limits()).await
}

impl Status for Told {
    fn readiness(&self) -> Readiness {
        self.0.lock().clone()
    }

    fn status(&self) -> Value {
        json!({ "events": 7 })
    }
}

async fn ask(server: &Server, line: &str, host: &str) -> Answer {
    let mut client = server.connect().await;
    client.send(format!("{line} HTTP/1.1\r\n{host}\r\n")).await;
    client.answer().await
}

#[tokio::test]
async fn it_tells_of_life_readiness_and_status() {
    let told = Told::ready();
    let server = serve_at(&told, LOOPBACK).await;
    let get = async |path: &str| ask(&server, &format!("GET {path}"), "host: localhost\r\n").await;
    let answer = get("/healthz").await;
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    let answer = get("/readyz?verbose").await;
    assert_eq!((answer.status, &*answer.body), (200, "{\"ready\":true}\n"));
    *told.0.lock() = Readiness::NotReady(vec!["no disk".to_owned()]);
    let answer = get("/readyz").await;
    assert_eq!(answer.status, 503);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({ "ready": false, "reasons": ["no disk"] }));
    let answer = get("/status").await;
    assert_eq!((answer.status, &*answer.body), (200, "{\"events\":7}\n"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(get("/").await.status, 404);
}

#[tokio::test]
async fn it_only_answers_get() {
    let told = Told::ready();
    let server = serve_at(&told, LOOPBACK).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&server, &format!("{method} /status"), "host: localhost\r\n").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET")),
            "{method}"
        );
    }
}

#[tokio::test]
async fn it_only_answers_to_loopback_names() {
    let told = Told::ready();
    let server = serve_at(&told, LOOPBACK).await;
    for (host, status) in [
        ("host: localhost\r\n", 200),
        ("host: LOCALHOST:8081\r\n", 200),
        ("host: 127.0.0.1:8081\r\n", 200),
        ("host: 127.1.2.3\r\n", 200),
        ("host: [::1]:8081\r\n", 200),
        ("host: evil.example\r\n", 403),
        ("host: localhost.evil.example\r\n", 403),
        ("host: 127.0.0.1.evil.example:8081\r\n", 403),
        ("host: 10.0.0.1\r\n", 403),
        ("host: evil@localhost x\r\n", 403),
        ("host: localhost\r\nhost: evil.example\r\n", 403),
        ("host: \r\n", 403),
        ("", 403),
    ] {
        assert_eq!(
            ask(&server, "GET /healthz", host).await.status,
            status,
            "{host:?}"
        );
    }
    let answer = ask(
        &server,
        "GET http://evil.example/healthz",
        "host: localhost\r\n",
    )
    .await;
    assert_eq!(answer.status, 403);
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_token_that_is_set_must_be_presented() {
    let told = Told::ready();
    *told.1.lock() = Some(Secret::new(TOKEN));
    for address in [LOOPBACK, EVERYWHERE] {
        let server = serve_at(&told, address).await;
        for path in ["/status", "/api/events"] {
            let get = async |headers: &str| {
                let headers = format!("host: localhost\r\n{headers}");
                ask(&server, &format!("GET {path}"), &headers).await
            };
            let answer = get("").await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Bearer"))
            );
            for wrong in [
                format!("authorization: Bearer {}\r\n", &TOKEN[1..]),
                format!("authorization: Bearer {TOKEN}0\r\n"),
                format!("authorization: Basic {TOKEN}\r\n"),
                "authorization: Bearer \r\n".to_owned(),
                format!("authorization: Bearer x\r\nauthorization: Bearer {TOKEN}\r\n"),
            ] {
                assert_eq!(get(&wrong).await.status, 401, "{wrong}");
            }
            let right = format!("authorization: bearer {TOKEN}\r\n");
            assert_eq!(get(&right).await.status, 200);
            // Who has the token is no page in a browser.
            let named = format!("host: tollgate.internal\r\n{right}");
            assert_eq!(
                ask(&server, &format!("GET {path}"), &named).await.status,
                200
            );
            let evil = "host: evil.example\r\n";
            assert_eq!(ask(&server, &format!("GET {path}"), evil).await.status, 403);
        }
        let alive = ask(&server, "GET /healthz", "host: localhost\r\n").await;
        assert_eq!(alive.status, 200, "asked by what balances load");
    }
}

#[tokio::test]
async fn beyond_loopback_nothing_is_told_without_a_token() {
    let server = serve_at(&Told::ready(), EVERYWHERE).await;
    let get = async |path: &str, host: &str| {
        let host = format!("host: {host}\r\n");
        ask(&server, &format!("GET {path}"), &host).await.status
    };
    assert_eq!(get("/healthz", "10.0.0.1").await, 200);
    assert_eq!(get("/readyz", "tollgate.internal:8081").await, 200);
    assert_eq!(get("/status", "10.0.0.1").await, 403);
    assert_eq!(get("/api/events", "127.0.0.1").await, 403);
}

#[tokio::test]
async fn what_is_asked_of_the_api_is_taken_apart() {
    let server = serve_at(&Told::ready(), LOOPBACK).await;
    let host = "host: localhost\r\n";
    let answer = ask(&server, "GET /api/a%2Fb/c?x=1+2&y=%26", host).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        body,
        json!({ "path": ["a/b", "c"], "query": [["x", "1 2"], ["y", "&"]], "post": null })
    );
    let post = async |content: &str, body: &str| {
        let headers = format!("{host}{content}content-length: {}\r\n", body.len());
        let mut client = server.connect().await;
        client
            .send(format!("POST /api/replay HTTP/1.1\r\n{headers}\r\n{body}"))
            .await;
        client.answer().await
    };
    let json_type = "content-type: application/json; charset=utf-8\r\n";
    let answer = post(json_type, "{\"n\":1}").await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["post"]), (200, &json!({ "n": 1 })));
    // What a form in a browser can send is not taken.
    for content in ["", "content-type: text/plain\r\n"] {
        assert_eq!(post(content, "{\"n\":1}").await.status, 415, "{content:?}");
    }
    assert_eq!(post(json_type, "{").await.status, 400);
    // The answer arrives although the body is still being sent.
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(post(json_type, &long).await.status, 413);
    let answer = ask(&server, "DELETE /api/events", host).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn posts_that_do_not_end_keep_nobody_waiting() {
    let server = serve_at(&Told::ready(), LOOPBACK).await;
    let head = "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n";
    let mut unfinished = Vec::new();
    for _ in 0..40 {
        let mut client = server.connect().await;
        client
            .send(format!("POST /api/slow HTTP/1.1\r\n{head}\r\n{{"))
            .await;
        unfinished.push(client);
    }
    let asked = ask(&server, "GET /api/events", "host: localhost\r\n");
    // Far less than the time that an unfinished body may take.
    let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert_eq!(answer.expect("an answer").status, 200);
}
