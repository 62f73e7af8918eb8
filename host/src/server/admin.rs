//! The admin service: is the process alive, is it ready, what is it doing.
//!
//! It asks for no credentials, so it listens on loopback alone and answers only
//! requests that name a loopback host: a web page whose name was re-bound to
//! 127.0.0.1 (DNS rebinding) still sends its own name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header, uri::Authority};
use http_body_util::Full;
use serde_json::{Value, json};
use tracing::error;

use super::{Request, Response, Service, text};

/// What the admin service tells of.
pub trait Status: Send + Sync + 'static {
    /// Whether the gateway takes events now. Must be quick.
    fn readiness(&self) -> Readiness;
    /// Everything that an operator may want to know, as a JSON object. May block.
    fn status(&self) -> Value;
}

/// Whether the gateway takes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// It does not, for each of these reasons.
    NotReady(Vec<String>),
}

/// Answers `GET /healthz` (the process lives), `/readyz` (200 or 503 with the reasons)
/// and `/status`.
#[derive(Debug)]
pub struct Admin<S> {
    status: Arc<S>,
}

impl<S: Status> Admin<S> {
    /// A service that tells what `status` knows.
    pub fn new(status: Arc<S>) -> Self {
        Self { status }
    }

    fn readiness(&self) -> Response {
        match self.status.readiness() {
            Readiness::Ready => json(StatusCode::OK, &json!({ "ready": true })),
            Readiness::NotReady(reasons) => json(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({ "ready": false, "reasons": reasons }),
            ),
        }
    }

    async fn status(&self) -> Response {
        let status = self.status.clone();
        match tokio::task::spawn_blocking(move || status.status()).await {
            Ok(value) => json(StatusCode::OK, &value),
            Err(error) => {
                error!(%error, "the status could not be gathered");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the status could not be gathered; see the log\n",
                )
            }
        }
    }
}

impl<S: Status> Service for Admin<S> {
    async fn call(&self, _peer: SocketAddr, request: Request) -> Response {
        if !names_loopback(&request) {
            return text(
                StatusCode::FORBIDDEN,
                "this listener answers to localhost and loopback addresses only\n",
            );
        }
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/status") {
            return text(StatusCode::NOT_FOUND, "not found\n");
        }
        if request.method() != Method::GET {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET"));
            return response;
        }
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readiness(),
            _ => self.status().await,
        }
    }
}

fn json(status: StatusCode, value: &Value) -> Response {
    let mut body = value.to_string();
    body.push('\n');
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the one host that the request names is loopback.
fn names_loopback(request: &Request) -> bool {
    let mut named = request.headers().get_all(header::HOST).iter();
    let header = named.next();
    if named.next().is_some() {
        return false;
    }
    let header = header.map(|value| value.to_str().ok().and_then(|value| value.parse().ok()));
    match (header, request.uri().authority()) {
        (Some(None), _) | (None, None) => false,
        (Some(Some(header)), None) => is_loopback(&header),
        (None, Some(target)) => is_loopback(target),
        (Some(Some(header)), Some(target)) => is_loopback(&header) && is_loopback(target),
    }
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
