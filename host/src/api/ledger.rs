//! `POST /api/ledger/release`.

use serde_json::json;

use crate::run::Core;
use crate::server::ApiAnswer;

/// Releases the last restore of the ledger. Answers with the restore, or null if there is none.
pub(super) fn release(core: &Core) -> Result<ApiAnswer, ApiAnswer> {
    let released = core.release_restore()?;
    Ok(ApiAnswer::ok(json!({ "released": released })))
}
