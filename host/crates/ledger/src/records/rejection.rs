//! A refused request, as the admin API answers with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::Payload;
use crate::Millis;
use tollgate_base::time::WallTime;

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectionView {
    /// The number of the rejection.
    pub seq: i64,
    /// The time of the refusal.
    #[schema(value_type = Millis)]
    pub at_ms: WallTime,
    /// The source; `null` if no source has the path.
    pub source: Option<String>,
    /// The reason, as a word that never changes.
    pub code: String,
    /// The reason, as a sentence.
    pub reason: String,
    /// The sender: its address, and the proxies that told it.
    pub peer: String,
    /// The method; `null` if the connection was refused before there was a request.
    pub method: Option<String>,
    /// The path, without the query.
    pub path: Option<String>,
    /// The headers, without those that may hold secrets.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the body, if the manifest lets them be kept.
    pub body: Option<Payload>,
    /// How many requests of this source were refused for this reason since the rejection before,
    /// and are not listed.
    pub more: u64,
}
