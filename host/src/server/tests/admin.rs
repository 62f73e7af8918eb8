//! The admin service.

use serde_json::{Value, json};

use super::*;
use crate::server::{Admin, Readiness, Status};

struct Told(Mutex<Readiness>);

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
    let told = Arc::new(Told(Mutex::new(Readiness::Ready)));
    let server = Server::start(Arc::new(Admin::new(told.clone())), limits()).await;
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
    let told = Arc::new(Told(Mutex::new(Readiness::Ready)));
    let server = Server::start(Arc::new(Admin::new(told)), limits()).await;
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
    let told = Arc::new(Told(Mutex::new(Readiness::Ready)));
    let server = Server::start(Arc::new(Admin::new(told)), limits()).await;
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
