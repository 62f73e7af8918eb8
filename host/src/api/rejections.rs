//! Refused requests: the newest, and of many alike only some.

use axum::extract::State;
use utoipa::IntoParams;

use super::answers::{Answer, ReadErrors};
use super::calls::Calls;
use super::extract::Pairs;
use super::query::{self, PageQuery, QueryError, QueryFilter, present, time};
use tollgate_ledger::{Listed, Millis, RejectionFilter, RejectionView};

/// The filter in the query of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `set_part` reads")]
pub(super) struct RejectionQuery {
    /// The source; `-` for requests to a path that no source has.
    source: Option<String>,
    /// The reason, as a word.
    code: Option<String>,
    /// Refused at this time or later.
    #[param(value_type = Option<Millis>)]
    from: Option<u64>,
    /// Refused before this time.
    #[param(value_type = Option<Millis>)]
    to: Option<u64>,
}

impl QueryFilter for RejectionFilter {
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        match name {
            "source" => self.source = Some(value.to_owned()),
            "code" => self.code = Some(value.to_owned()),
            "from" => self.from = Some(time(name, value)?),
            "to" => self.to = Some(time(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn to_query(&self) -> Vec<(&'static str, String)> {
        let Self {
            source,
            code,
            from,
            to,
        } = self;
        present([
            ("source", source.clone()),
            ("code", code.clone()),
            ("from", from.map(|time| time.as_millis().to_string())),
            ("to", to.map(|time| time.as_millis().to_string())),
        ])
    }
}

/// Refused requests. If there are many of a source for the same reason, some of them are listed,
/// and `more` says how many are not. `GET /status` counts all of them.
#[utoipa::path(
    get,
    path = "/api/rejections",
    tag = "sources",
    params(RejectionQuery, PageQuery),
    responses(
        (status = 200, description = "A page of rejections.", body = Listed<RejectionView>),
        ReadErrors,
    ),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    Pairs(query): Pairs,
) -> Answer<Listed<RejectionView>> {
    let (filter, page) = query::read(&query)?;
    calls
        .answer(move |core| Ok(core.records.rejections(&filter, &page)?))
        .await
}
