//! The admin service: health and readiness, and whatever else its routes answer.
//!
//! The service decides who may ask ([`access`](super::access)), and reads the body of a request
//! within its limits before the routes see the request: so a body that is slow to arrive keeps
//! nobody waiting. Health and readiness need no token, because load balancers ask for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::watch;
use tower_service::Service as _;
use tracing::debug;

use super::access::Access;
use super::body;
use super::budget::Share;
use super::denied::Denied;
use super::held::Held;
use super::refusal::Refusal;
use super::response::{json, text};
use super::service::{Caller, Request, Response, Service};
use crate::settings::AdminToken;

/// The most bytes of a request's body: a filter, a list of ids, values of state.
const BODY: usize = 2 << 20;

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The resources that calls are counted for. All other paths count as one.
const RESOURCES: &[&str] = &[
    "healthz",
    "readyz",
    "status",
    "metrics",
    "alerts",
    "capture",
    "config",
    "deliveries",
    "events",
    "generation",
    "handlers",
    "ledger",
    "openapi.json",
    "outbox",
    "rejections",
    "reload",
    "replay",
    "routes",
    "schedule",
    "sources",
    "state",
    "ui",
];

/// What the admin service needs of the gateway.
pub trait AdminBackend: Send + Sync + 'static {
    /// Whether the gateway accepts events now. Must not block.
    fn readiness(&self) -> Readiness;
    /// The tokens of which every request must present one; none: no token is asked for.
    fn tokens(&self) -> Arc<[AdminToken]>;
    /// Notes that a request about a resource, a word of this program, was answered.
    fn answered(&self, resource: &'static str, status: StatusCode) {
        let _ = (resource, status);
    }
    /// The routes of everything but health and readiness. A request that comes to them may be
    /// answered, has its whole body, and has its [`Operator`](super::Operator) among its
    /// extensions. `ended` turns true when the listener ends: a stream without an end of its own
    /// ends then.
    fn routes(self: Arc<Self>, ended: watch::Receiver<bool>) -> Router;
}

/// Whether the gateway accepts events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The gateway accepts events. Each text warns of something that an operator should look at.
    Ready(Vec<String>),
    /// The gateway does not accept events, for each of these reasons.
    NotReady(Vec<String>),
}

/// Answers `GET /healthz` (the process lives) and `/readyz` (200 or 503 with the reasons). The
/// routes of the backend answer everything else.
#[derive(Debug)]
pub struct Admin<B> {
    backend: Arc<B>,
    routes: Router,
    loopback: bool,
}

impl<B: AdminBackend> Admin<B> {
    /// A service in front of `backend`, on a listener with this address.
    pub fn new(backend: Arc<B>, listener: SocketAddr, ended: watch::Receiver<bool>) -> Self {
        Self {
            routes: backend.clone().routes(ended),
            backend,
            loopback: listener.ip().to_canonical().is_loopback(),
        }
    }

    async fn answer(
        &self,
        mut head: Parts,
        incoming: &mut Incoming,
        share: &mut Share,
    ) -> Result<Response<Body>, Denied> {
        let tokens = self.backend.tokens();
        let access = Access {
            loopback: self.loopback,
            tokens: &tokens,
        };
        if matches!(head.uri.path(), "/healthz" | "/readyz") {
            // Beyond loopback everybody may ask, by any host name: the responses hold no secret.
            if self.loopback {
                access.check_host(&head)?;
            }
            return Ok(self.health(&head));
        }
        let operator = match is_page(head.uri.path()) {
            true => access.page(&head).map(|()| None)?,
            false => Some(access.operator(&head)?),
        };
        let body = match head.method {
            Method::GET | Method::HEAD => Body::empty(),
            _ => body::read(incoming, BODY, BODY_TIME, share).await?.into(),
        };
        if let Some(operator) = operator {
            head.extensions.insert(operator);
        }
        let answer = self
            .routes
            .clone()
            .call(http::Request::from_parts(head, body));
        Ok(answer.await.unwrap_or_else(|never| match never {}))
    }

    fn health(&self, head: &Parts) -> Response<Body> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            return response;
        }
        match head.uri.path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            _ => self.readiness(),
        }
    }

    fn readiness(&self) -> Response<Body> {
        match self.backend.readiness() {
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
}

impl<B: AdminBackend> Service for Admin<B> {
    type Body = Body;

    async fn call(&self, caller: Caller, request: Request) -> Response<Body> {
        let Caller {
            mut share,
            in_flight,
            ..
        } = caller;
        let (head, mut incoming) = request.into_parts();
        let is_api = head.uri.path().starts_with("/api/");
        let resource = resource(head.uri.path());
        let answer = self.answer(head, &mut incoming, &mut share).await;
        // Who is still sending cannot read an answer.
        body::linger(incoming, None);
        let answer = answer.unwrap_or_else(|denied| denied.answer(is_api));
        self.backend.answered(resource, answer.status());
        answer.map(|body| Held::until_sent(body, (share, in_flight)))
    }

    fn refused(&self, peer: SocketAddr, refusal: Refusal) {
        debug!(%peer, "refused: {refusal}");
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

/// Whether a path is one of the dashboard, which knows its operators by sessions.
fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/ui") || path.starts_with("/ui/")
}
