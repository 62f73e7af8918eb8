//! The admin service: is the process alive, is it ready, what is it doing, and the admin
//! API behind `/api/`.
//!
//! [`access`](super::access) says who may ask. Whether the process lives and is ready may
//! be asked without a token, since that is what load balancers do.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::error;

use super::access::Access;
use super::api::{self, Api};
use super::body::Budget;
use super::{Request, Response, Service, text};

/// API calls that are answered at once; others wait. Each holds a thread and reads.
const CALLS: usize = 8;

/// Bytes of bodies that API calls may hold together.
const BODY_BYTES: usize = 4 * 1024 * 1024;

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

/// Answers `GET /healthz` (the process lives), `/readyz` (200 or 503 with the reasons),
/// `/status` and what is behind `/api/`.
#[derive(Debug)]
pub struct Admin<S> {
    status: Arc<S>,
    loopback: bool,
    calls: Semaphore,
    budget: Arc<Budget>,
}

impl<S: Status + Api> Admin<S> {
    /// A service that tells what `status` knows, on a listener with this address.
    pub fn new(status: Arc<S>, listener: SocketAddr) -> Self {
        Self {
            status,
            loopback: listener.ip().to_canonical().is_loopback(),
            calls: Semaphore::new(CALLS),
            budget: Budget::new(BODY_BYTES),
        }
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

    async fn api(&self, request: Request) -> Response {
        let _turn = self.calls.acquire().await;
        let request = match api::read(request, &self.budget).await {
            Ok(request) => request,
            Err(refused) => return refused.into(),
        };
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

    /// Why the request may not be answered, as an answer; none if it may.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let token = self.status.token();
        let access = Access {
            loopback: self.loopback,
            token: token.as_ref(),
        };
        match request.uri().path() {
            // Beyond loopback by whatever name: they tell nothing that is not to be known.
            "/healthz" | "/readyz" if !self.loopback => None,
            "/healthz" | "/readyz" => access.refuse_host(request),
            _ => access.refuse(request),
        }
    }
}

impl<S: Status + Api> Service for Admin<S> {
    async fn call(&self, _peer: SocketAddr, request: Request) -> Response {
        if let Some(refused) = self.refuse(&request) {
            return refused;
        }
        let path = request.uri().path();
        if path.starts_with("/api/") {
            return self.api(request).await;
        }
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

/// An answer of JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
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
