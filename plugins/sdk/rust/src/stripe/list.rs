//! Lists inside Stripe's objects.

use serde::Deserialize;

/// The first page of a list.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct List<T> {
    /// The objects.
    pub data: Vec<T>,
    /// True if the list goes on: an event has the beginning alone, and the rest is to be read from
    /// Stripe's API.
    #[serde(default)]
    pub has_more: bool,
}
