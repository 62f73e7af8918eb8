//! `GET /metrics`: the figures for Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use super::answers::{ApiError, ReadErrors};
use super::calls::Calls;
use crate::metrics::{Format, write};

/// The gateway's figures for Prometheus, as text or, where the `Accept` header prefers that, as
/// OpenMetrics. `docs/metrics.md` lists them.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "status",
    responses(
        (
            status = 200,
            description = "The figures.",
            content(
                (String = "text/plain"),
                (String = "application/openmetrics-text"),
            ),
        ),
        ReadErrors,
    ),
)]
pub(super) async fn metrics(
    State(calls): State<Calls>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = Format::asked_for(&headers);
    // A page of a thousand handlers takes milliseconds.
    let page = calls.run(move |core| {
        write(core.figures(), format)
            .map_err(|_| ApiError::internal("the metrics could not be gathered"))
    });
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept"),
    ];
    Ok((headers, page.await?).into_response())
}
