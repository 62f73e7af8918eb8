//! The admin service.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{get, post};
use hyper::body::{Body as HttpBody, Frame};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Interval, interval};

use super::*;
use crate::server::{Admin, AdminBackend, Operator, Readiness};
use crate::settings::{AdminToken, Role};

/// Readiness, and the tokens.
struct Told {
    readiness: Mutex<Readiness>,
    tokens: Mutex<Arc<[AdminToken]>>,
}

impl Told {
    fn ready() -> Arc<Self> {
        Arc::new(Self {
            readiness: Mutex::new(Readiness::Ready(Vec::new())),
            tokens: Mutex::default(),
        })
    }

    fn with_tokens<const N: usize>(tokens: [(&str, &str, Role); N]) -> Arc<Self> {
        let told = Self::ready();
        let tokens = tokens.map(|(name, token, role)| AdminToken {
            name: name.into(),
            token: Secret::new(token),
            role,
        });
        *told.tokens.lock() = tokens.into();
        told
    }
}

impl AdminBackend for Told {
    fn readiness(&self) -> Readiness {
        self.readiness.lock().clone()
    }

    fn tokens(&self) -> Arc<[AdminToken]> {
        self.tokens.lock().clone()
    }

    fn routes(self: Arc<Self>, _: watch::Receiver<bool>) -> Router {
        Router::new()
            .route("/status", get(async || axum::Json(json!({ "events": 7 }))))
            .route("/api/events", get(async || "events"))
            .route("/api/who", get(who).post(who))
            .route(
                "/api/length",
                post(async |body: Bytes| body.len().to_string()),
            )
            .route("/stream", get(async || Body::new(Ticks::new())))
    }
}

async fn who(Extension(Operator { name, role }): Extension<Operator>) -> String {
    format!("{} {role}", name.as_deref().unwrap_or("-"))
}

/// A body that takes half a second: a byte now and then.
struct Ticks {
    left: usize,
    every: Interval,
}

impl Ticks {
    const MANY: usize = 10;

    fn new() -> Self {
        Self {
            left: Self::MANY,
            every: interval(Duration::from_millis(50)),
        }
    }
}

impl HttpBody for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.every.poll_tick(cx).map(|_| {
            self.left = left;
            Some(Ok(Frame::data(Bytes::from_static(b"x"))))
        })
    }
}

const LOOPBACK: &str = "127.0.0.1:1";
const EVERYWHERE: &str = "0.0.0.0:1";

async fn serve_at(told: &Arc<Told>, address: &str) -> Server {
    serve_with(told, address, limits()).await
}

async fn serve_with(told: &Arc<Told>, address: &str, limits: Limits) -> Server {
    // The sender may be gone: a test ends a listener by itself.
    let (_, ended) = watch::channel(false);
    let admin = Admin::new(told.clone(), address.parse().unwrap(), ended);
    Server::start(Arc::new(admin), limits).await
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
    *told.readiness.lock() = Readiness::NotReady(vec!["no disk".to_owned()]);
    let answer = get("/readyz").await;
    assert_eq!(answer.status, 503);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body, json!({ "ready": false, "reasons": ["no disk"] }));
    let answer = get("/status").await;
    assert_eq!((answer.status, &*answer.body), (200, "{\"events\":7}"));
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
            (405, Some("GET,HEAD")),
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
    let told = Told::with_tokens([("admin", TOKEN, Role::Operate)]);
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

/// Asks with a token and more headers.
async fn ask_as(server: &Server, line: &str, token: &str, more: &str) -> Answer {
    let headers = format!("host: localhost\r\nauthorization: Bearer {token}\r\n{more}");
    ask(server, line, &headers).await
}

const READER: &str = "reader_reader_reader_reader";

#[tokio::test]
async fn a_role_says_what_a_token_may_do_and_routes_learn_its_name() {
    let told = Told::with_tokens([
        ("admin", TOKEN, Role::Operate),
        ("wall", READER, Role::Read),
    ]);
    let server = serve_at(&told, EVERYWHERE).await;
    let empty = "content-length: 0\r\n";
    let answer = ask_as(&server, "GET /api/who", TOKEN, "").await;
    assert_eq!((answer.status, &*answer.body), (200, "admin operate"));
    let answer = ask_as(&server, "POST /api/who", TOKEN, empty).await;
    assert_eq!((answer.status, &*answer.body), (200, "admin operate"));
    let answer = ask_as(&server, "GET /api/who", READER, "").await;
    assert_eq!((answer.status, &*answer.body), (200, "wall read"));
    for line in ["POST /api/who", "DELETE /api/who", "POST /nothing"] {
        let answer = ask_as(&server, line, READER, empty).await;
        assert_eq!(answer.status, 403, "{line}");
    }
    // The next manifest takes the token away.
    *told.tokens.lock() = Arc::default();
    let answer = ask_as(&server, "GET /api/who", READER, "").await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn without_a_token_on_loopback_the_operator_has_no_name() {
    let server = serve_at(&Told::ready(), LOOPBACK).await;
    let answer = ask(&server, "GET /api/who", "host: localhost\r\n").await;
    assert_eq!((answer.status, &*answer.body), (200, "- operate"));
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let told = Told::with_tokens([("admin", TOKEN, Role::Operate)]);
    let server = serve_at(&told, LOOPBACK).await;
    for (site, status) in [
        ("", 200),
        ("sec-fetch-site: same-origin\r\n", 200),
        ("sec-fetch-site: none\r\n", 200),
        ("sec-fetch-site: same-site\r\n", 403),
        ("sec-fetch-site: cross-site\r\n", 403),
    ] {
        let headers = format!("content-length: 0\r\n{site}");
        let answer = ask_as(&server, "POST /api/who", TOKEN, &headers).await;
        assert_eq!(answer.status, status, "{site:?}");
        // What is read stays with the browser: no answer allows another origin to see it.
        let answer = ask_as(&server, "GET /api/who", TOKEN, site).await;
        assert_eq!(answer.status, 200, "{site:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_answered() {
    let server = serve_at(&Told::ready(), LOOPBACK).await;
    let post = async |length: usize| {
        let head = format!("host: localhost\r\ncontent-length: {length}\r\n");
        let mut client = server.connect().await;
        client
            .send(format!("POST /api/length HTTP/1.1\r\n{head}\r\n"))
            .await;
        client.send("x".repeat(length)).await;
        client.answer().await
    };
    let answer = post(2 << 20).await;
    assert_eq!((answer.status, &*answer.body), (200, "2097152"));
    // The answer arrives although the body is still being sent.
    let answer = post((2 << 20) + 1).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_stream_counts_as_a_request_under_way_until_it_ends() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(20),
        ..limits()
    };
    let mut server = serve_with(&Told::ready(), LOOPBACK, limits).await;
    let mut client = server.connect().await;
    client
        .send("GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    // Neither the time without a further request nor the end of the listener cuts the stream off.
    server.shut_down();
    let rest = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(rest.matches('x').count(), Ticks::MANY, "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    server.ended().await;
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
