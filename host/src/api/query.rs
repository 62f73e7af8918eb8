//! Queries of lists: a filter, and a page by `after`, `limit` and `order`.

use std::collections::BTreeMap;
use std::str::FromStr;

use utoipa::{IntoParams, ToSchema};

use tollgate_base::time::WallTime;
use tollgate_ledger::{Cursor, ListOrder, Page};

/// The number of items of a page, unless the query has a `limit`.
const LIMIT: usize = 50;

/// The most items of a page.
pub(crate) const MAX_LIMIT: usize = 500;

/// The longest value in a query, in bytes.
const MAX_TEXT: usize = 512;

/// The part of a list's query that says the page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `read` reads")]
pub(super) struct PageQuery {
    /// The page behind this cursor: the `next` of the page before.
    after: Option<String>,
    /// The most items; 50 by default. A larger number counts as 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The direction; `newest` by default.
    #[param(inline)]
    order: Option<Order>,
}

/// The direction of a list.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the query")]
enum Order {
    /// The last arrival first.
    Newest,
    /// The first arrival first.
    Oldest,
}

/// A filter of a list, as the names and values of a query.
pub(crate) trait QueryFilter: Default {
    /// Sets the part of the filter with this name. Returns whether the filter has such a part.
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError>;

    /// Checks that parts that need each other are all there.
    fn check(&self) -> Result<(), QueryError> {
        Ok(())
    }

    /// The names and values of the filter's parts.
    fn to_query(&self) -> Vec<(&'static str, String)>;
}

/// Why a query cannot be understood. A name that no part has is an error, because a list with a
/// misspelt filter would show everything.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// A value is too long.
    #[error("`{0}` is longer than {MAX_TEXT} bytes")]
    TooLong(String),
    /// The list has no such name.
    #[error("`{0}` is not known here")]
    Unknown(String),
    /// The filter in a body has no such name.
    #[error("`{0}` is not known in a filter")]
    UnknownInFilter(String),
    /// The value is no state.
    #[error("there is no state `{0}`")]
    State(String),
    /// The value is no number.
    #[error("`{name}` is no number: `{value}`")]
    Number {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// The value is no JSON pointer.
    #[error("`pointer` is no JSON pointer: `{0}`")]
    Pointer(String),
    /// A part needs another.
    #[error("`pointer` and `value` go together, and neither is empty")]
    PointerAlone,
    /// The value is no order.
    #[error("`order` is `newest` or `oldest`, not `{0}`")]
    Order(String),
}

/// The filter and the page of a query.
pub(super) fn read<F: QueryFilter>(query: &[(String, String)]) -> Result<(F, Page), QueryError> {
    let mut filter = F::default();
    let mut page = Page {
        after: None,
        until: None,
        limit: LIMIT,
        order: ListOrder::Newest,
    };
    for (name, value) in query {
        if value.len() > MAX_TEXT {
            return Err(QueryError::TooLong(name.clone()));
        }
        if filter.set_part(name, value)? {
            continue;
        }
        match name.as_str() {
            "after" => page.after = Some(Cursor::new(value)),
            "limit" => page.limit = number::<usize>(name, value)?.clamp(1, MAX_LIMIT),
            "order" => page.order = order(value)?,
            _ => return Err(QueryError::Unknown(name.clone())),
        }
    }
    filter.check()?;
    Ok((filter, page))
}

/// The filter in a body.
pub(super) fn read_filter<F: QueryFilter>(
    parts: &BTreeMap<String, String>,
) -> Result<F, QueryError> {
    let mut filter = F::default();
    for (name, value) in parts {
        if !filter.set_part(name, value)? {
            return Err(QueryError::UnknownInFilter(name.clone()));
        }
    }
    filter.check()?;
    Ok(filter)
}

/// The parts that have a value.
pub(super) fn present<const N: usize>(
    parts: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    parts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Reads a number.
pub(super) fn number<T: FromStr>(name: &str, value: &str) -> Result<T, QueryError> {
    value.parse().map_err(|_| QueryError::Number {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// Reads a time of day in milliseconds since the Unix epoch.
pub(super) fn time(name: &str, value: &str) -> Result<WallTime, QueryError> {
    number(name, value).map(WallTime::from_millis)
}

fn order(value: &str) -> Result<ListOrder, QueryError> {
    match value {
        "newest" => Ok(ListOrder::Newest),
        "oldest" => Ok(ListOrder::Oldest),
        _ => Err(QueryError::Order(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_ledger::{DeliveryState, RecordFilter, StateFilter};

    fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let pairs = query(&[
            ("source", "stripe"),
            ("kind", "invoice.*"),
            ("handler", "dunning"),
            ("state", "dead"),
            ("from", "5"),
            ("to", "9"),
        ]);
        let (filter, page) = read::<RecordFilter>(&pairs).unwrap();
        assert_eq!(
            filter.state,
            Some(StateFilter::Delivery(DeliveryState::Dead))
        );
        assert_eq!((page.after, page.limit), (None, LIMIT));
        let written = filter.to_query();
        let written: Vec<_> = written.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(query(&written), pairs);
    }

    #[test]
    fn pages_are_bounded_and_mistakes_are_told() {
        let limit =
            |text| read::<RecordFilter>(&query(&[("limit", text)])).map(|(_, page)| page.limit);
        assert_eq!(limit("0"), Ok(1));
        assert_eq!(limit("1000000"), Ok(MAX_LIMIT));
        assert!(limit("-1").is_err());
        for wrong in [("stat", "dead"), ("state", "lost"), ("from", "yesterday")] {
            assert!(read::<RecordFilter>(&query(&[wrong])).is_err(), "{wrong:?}");
        }
    }
}
