//! Calls of the admin API within the process, as the operator who is signed in.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use http::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower_service::Service as _;

use super::query::Query;
use super::refused::Refused;
use crate::server::Operator;

/// The longest answer, in bytes.
const LONGEST: usize = 64 << 20;

/// The admin API.
#[derive(Clone)]
pub(crate) struct Api(Router);

impl Api {
    /// The API that `routes` answer.
    pub(crate) fn new(routes: Router) -> Self {
        Self(routes)
    }

    /// The resource at a path.
    pub(super) async fn get(
        &self,
        operator: &Operator,
        path: &str,
        query: &Query,
    ) -> Result<Value, Refused> {
        let target = format!("{path}{}", query.suffix());
        let bytes = self
            .bytes(operator, Method::GET, &target, Body::empty())
            .await?;
        serde_json::from_slice(&bytes).map_err(|_| Refused::unreadable())
    }

    /// The bytes at a path.
    pub(super) async fn raw(&self, operator: &Operator, path: &str) -> Result<Bytes, Refused> {
        self.bytes(operator, Method::GET, path, Body::empty()).await
    }

    /// The result of a change.
    pub(super) async fn post(
        &self,
        operator: &Operator,
        path: &str,
        body: &Value,
    ) -> Result<Value, Refused> {
        let body = Body::from(body.to_string());
        let bytes = self.bytes(operator, Method::POST, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|_| Refused::unreadable())
    }

    async fn bytes(
        &self,
        operator: &Operator,
        method: Method,
        target: &str,
        body: Body,
    ) -> Result<Bytes, Refused> {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(operator.clone())
            .body(body)
            .map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "the address is not understood"))?;
        let response = self.0.clone().call(request).await;
        let response = response.unwrap_or_else(|never| match never {});
        let status = response.status();
        let bytes = to_bytes(response.into_body(), LONGEST).await;
        let bytes = bytes.map_err(|_| Refused::unreadable())?;
        if status.is_success() {
            return Ok(bytes);
        }
        let said: Option<Value> = serde_json::from_slice(&bytes).ok();
        let message = said.and_then(|said| said["error"].as_str().map(str::to_owned));
        Err(Refused::new(
            status,
            message.unwrap_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned()),
        ))
    }
}
