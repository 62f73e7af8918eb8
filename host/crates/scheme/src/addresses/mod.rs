//! The addresses that providers post from, as far as the providers publish them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

static LISTS: LazyLock<BTreeMap<String, PublishedAddresses>> = LazyLock::new(|| {
    toml::from_str(include_str!("lists.toml")).expect("a test shows that the file is well-formed")
});

/// The list of addresses that a provider publishes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedAddresses {
    /// The URL at which the provider publishes the list.
    pub page: String,
    /// The copy of the list that was read.
    pub copy: String,
    /// A day on which the provider's list was this list, in the form `YYYY-MM-DD`.
    pub date: String,
    /// Addresses, or networks in CIDR form.
    pub networks: Vec<String>,
}

impl PublishedAddresses {
    /// The age of the list in whole days.
    pub fn days(&self, now: WallTime) -> u64 {
        let date = rfc3339::parse(&format!("{}T00:00:00Z", self.date));
        let date = date.expect("a test shows that every date is one");
        now.since(date).as_secs() / 86_400
    }
}

/// The addresses that the provider of a built-in scheme publishes.
pub fn published_addresses(scheme: &str) -> Option<&'static PublishedAddresses> {
    LISTS.get(scheme)
}

/// The schemes whose providers publish their addresses, in alphabetical order.
pub fn schemes_with_addresses() -> impl Iterator<Item = &'static str> {
    LISTS.keys().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_of_a_scheme_and_has_a_date() {
        let now = rfc3339::parse("2026-11-30T00:00:00Z").unwrap();
        let mut schemes = Vec::new();
        for (scheme, list) in LISTS.iter() {
            assert!(crate::names().any(|name| name == scheme), "{scheme}");
            assert!(list.page.starts_with("https://"), "{scheme}");
            assert!(!list.networks.is_empty(), "{scheme}");
            assert!((1..400).contains(&list.days(now)), "{scheme}");
            schemes.push(scheme.as_str());
        }
        assert!(schemes_with_addresses().eq(schemes));
    }

    #[test]
    fn the_age_is_in_whole_days() {
        let list = published_addresses("stripe").unwrap();
        let days = |time| list.days(rfc3339::parse(time).unwrap());
        assert_eq!(days("2026-05-15T23:59:59Z"), 0);
        assert_eq!(days("2026-11-30T08:00:00Z"), 199);
        assert_eq!(
            days("2025-01-01T00:00:00Z"),
            0,
            "a wrong clock makes no age"
        );
        assert!(published_addresses("adyen").is_none());
    }
}
