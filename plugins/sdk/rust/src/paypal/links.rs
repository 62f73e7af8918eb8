//! The links of a resource to others.

use serde::Deserialize;

/// A link to another resource of PayPal's API.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// The URL.
    pub href: String,
    /// What is there, seen from here: `self`, `up`, `refund`, …
    pub rel: String,
}

/// Returns the id that the link with this relation names in this collection, such as `up` and
/// `captures`: the part of the URL's path after the collection's name.
pub(super) fn id<'l>(links: &'l [Link], relation: &str, collection: &str) -> Option<&'l str> {
    let mut links = links.iter().filter(|link| link.rel == relation);
    links.find_map(|link| {
        let path = link.href.split(['?', '#']).next()?;
        let mut parts = path.split('/').skip_while(|part| *part != collection);
        parts.nth(1).filter(|id| !id.is_empty())
    })
}
