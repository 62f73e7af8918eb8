//! The ledger as a whole: the release after a restore.

use axum::Extension;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Answer, ChangeErrors};
use super::calls::Calls;
use super::extract::Posted;
use super::intervention::Attribution;
use crate::server::Operator;
use tollgate_ledger::Restore;

/// What a release has released.
#[derive(Serialize, ToSchema)]
pub(super) struct Released {
    /// The restore; `null` if there was none.
    released: Option<Restore>,
}

/// Releases the last restore of the ledger: deliveries and requests that were on hold go on.
#[utoipa::path(
    post,
    path = "/api/ledger/release",
    tag = "status",
    request_body = Attribution,
    responses((status = 200, description = "What was released.", body = Released), ChangeErrors),
)]
pub(super) async fn release(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(said): Posted<Attribution>,
) -> Answer<Released> {
    let by = said.by(&operator);
    calls
        .answer(move |core| {
            let released = core.release_restore()?;
            tracing::info!(
                who = by.who,
                why = by.why,
                "an operator releases the restored ledger"
            );
            Ok(Released { released })
        })
        .await
}
