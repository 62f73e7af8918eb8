//! Names and values of a query: read from a page's address, and written into links.

use axum::extract::{FromRequestParts, Query as Pairs};
use http::StatusCode;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::refused::Refused;

/// What a value in an address may have as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A query. Empty values count as none, since a form sends every field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// A query of these pairs.
    pub(super) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        )
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Those of the pairs whose names are among `names`.
    pub(super) fn only(&self, names: &[&str]) -> Self {
        let pairs = self
            .0
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        Self(pairs.cloned().collect())
    }

    /// The query with another value for a name; without a value, without the name.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let others = self.0.iter().filter(|(found, _)| found != name).cloned();
        let own = value.map(|value| (name.to_owned(), value.to_owned()));
        Self(others.chain(own).collect())
    }

    /// The query as it follows a path: empty, or from the `?` on.
    pub(super) fn suffix(&self) -> String {
        let pairs = self.0.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("?{}", pairs.join("&")),
        }
    }

    /// The pairs, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "the address is not understood"))?;
        let given = pairs
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty());
        Ok(Self(given.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_they_are_read_back() {
        let query = Query::of([("kind", "invoice.*"), ("value", "a&b=c#\"<ü")]);
        assert_eq!(
            query.suffix(),
            "?kind=invoice.%2A&value=a%26b%3Dc%23%22%3C%C3%BC"
        );
        let other = query.with("kind", None).with("after", Some("x y"));
        assert_eq!(other.only(&["after"]).suffix(), "?after=x%20y");
        assert_eq!(Query::default().suffix(), "");
    }
}
