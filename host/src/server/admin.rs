//! The admin service: health, readiness, status, metrics, and the admin API under `/api/`.
//!
//! [`access`](super::access) decides who may ask. Health and readiness need no token, because load
//! balancers ask for them.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::{debug, error};

use super::access::Access;
use super::api::{self, Api};
use super::budget::Share;
use super::refusal::Refusal;
use super::response::{json, text};
use super::service::{Caller, Request, Response, Service};
use crate::metrics::Format;

/// The most API calls that run at once; further calls wait. Each call holds a thread and reads the
/// ledger.
const CALLS: usize = 8;

/// The resources that calls are counted for. All other paths count as one.
const RESOURCES: &[&str] = &[
    "healthz",
    "readyz",
    "status",
    "metrics",
    "events",
    "deliveries",
    "outbox",
    "schedule",
    "state",
    "replay",
    "handlers",
    "ledger",
];

/// The state of the gateway, as the admin service shows it.
pub trait Status: Send + Sync + 'static {
    /// Whether the gateway accepts events now. Must not block.
    fn readiness(&self) -> Readiness;
    /// The status of all parts, for operators, as a JSON object. May block.
    fn status(&self) -> Value;
    /// The figures for Prometheus. `None` if they cannot be gathered. May block.
    fn metrics(&self, format: Format) -> Option<String> {
        let _ = format;
        None
    }
    /// Notes that a request about a resource, a word of this program, was answered.
    fn answered(&self, resource: &'static str, status: StatusCode) {
        let _ = (resource, status);
    }
}

/// Whether the gateway accepts events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The gateway accepts events. Each text warns of something that an operator should look at.
    Ready(Vec<String>),
    /// The gateway does not accept events, for each of these reasons.
    NotReady(Vec<String>),
}

/// Answers `GET /healthz` (the process lives), `/readyz` (200 or 503 with the reasons), `/status`,
/// `/metrics` and every path under `/api/`.
#[derive(Debug)]
pub struct Admin<S> {
    status: Arc<S>,
    loopback: bool,
    calls: Semaphore,
}

impl<S: Status + Api> Admin<S> {
    /// A service that shows `status`, on a listener with this address.
    pub fn new(status: Arc<S>, listener: SocketAddr) -> Self {
        Self {
            status,
            loopback: listener.ip().to_canonical().is_loopback(),
            calls: Semaphore::new(CALLS),
        }
    }

    fn readiness(&self) -> Response {
        match self.status.readiness() {
            Readiness::Ready(warnings) if warnings.is_empty() => {
                json(StatusCode::OK, &json!({ "ready": true }))
            }
            Readiness::Ready(warnings) => json(
                StatusCode::OK,
                &json!({ "ready": true, "warnings": warnings }),
            ),
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

    async fn metrics(&self, headers: &HeaderMap) -> Response {
        let format = Format::asked_for(headers);
        // Scrapes of a thousand handlers take milliseconds.
        let _permit = self.calls.acquire().await;
        let status = self.status.clone();
        let page = tokio::task::spawn_blocking(move || status.metrics(format)).await;
        let Ok(Some(page)) = page else {
            error!("the metrics could not be gathered");
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics could not be gathered; see the log\n",
            );
        };
        let mut response = Response::new(Full::new(Bytes::from(page)));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(format.content_type());
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn api(&self, mut share: Share, request: Request) -> Response {
        let request = match api::read(request, &mut share).await {
            Ok(request) => request,
            Err(refused) => return refused.into(),
        };
        // Only now: a request whose body does not arrive must not keep others waiting.
        let _permit = self.calls.acquire().await;
        let api = self.status.clone();
        match tokio::task::spawn_blocking(move || api.call(&request)).await {
            Ok(answer) => answer.into(),
            Err(error) => {
                error!(%error, "a call of the admin API failed");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the call failed; see the log\n",
                )
            }
        }
    }

    /// The refusal of a request; `None` if the request may be answered.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let token = self.status.token();
        let access = Access {
            loopback: self.loopback,
            token: token.as_ref(),
        };
        match request.uri().path() {
            // Beyond loopback everybody may ask, by any host name: the responses hold no secret.
            "/healthz" | "/readyz" if !self.loopback => None,
            "/healthz" | "/readyz" => access.refuse_host(request),
            _ => access.refuse(request),
        }
    }
}

impl<S: Status + Api> Service for Admin<S> {
    async fn call(&self, caller: Caller, request: Request) -> Response {
        let resource = resource(request.uri().path());
        let response = self.answer(caller, request).await;
        self.status.answered(resource, response.status());
        response
    }

    fn refused(&self, peer: SocketAddr, refusal: Refusal) {
        debug!(%peer, "refused: {refusal}");
    }
}

impl<S: Status + Api> Admin<S> {
    async fn answer(&self, caller: Caller, request: Request) -> Response {
        if let Some(refused) = self.refuse(&request) {
            return refused;
        }
        let path = request.uri().path();
        if path.starts_with("/api/") {
            return self.api(caller.share, request).await;
        }
        if !matches!(path, "/healthz" | "/readyz" | "/status" | "/metrics") {
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
            "/metrics" => self.metrics(request.headers()).await,
            _ => self.status().await,
        }
    }
}

/// The resource of a path: the path itself or the first word after `/api/`, if this service has it.
fn resource(path: &str) -> &'static str {
    let first = path.strip_prefix("/api/").unwrap_or(path);
    let first = first.strip_prefix('/').unwrap_or(first);
    let first = first.split('/').next().unwrap_or_default();
    let known = RESOURCES.iter().find(|resource| **resource == first);
    known.copied().unwrap_or("other")
}
