//! The schemes that come with the gateway.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{BuildError, Scheme, Settings, Template};
use super::{adyen, braintree, mollie, paypal, plaid, twilio};

/// Makes a scheme of its name and a source's settings.
pub(super) type Make = fn(&str, Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>>;

/// The schemes that the template cannot express.
const CODED: &[(&str, Make)] = &[
    ("adyen", adyen::make),
    ("braintree", braintree::make),
    ("mollie-classic", mollie::make),
    ("paypal", paypal::make),
    ("plaid", plaid::make),
    ("twilio", twilio::make),
];

/// Every scheme that is data, in the form that a manifest's `[schemes.NAME]` has.
static TEMPLATES: LazyLock<BTreeMap<String, Template>> = LazyLock::new(|| {
    toml::from_str(include_str!("builtin.toml"))
        .expect("the built-in schemes are well-formed, which a test shows")
});

/// The template of a built-in scheme.
pub(super) fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.get(name)
}

/// Every template with its name.
pub(super) fn templates() -> impl Iterator<Item = (&'static str, &'static Template)> {
    TEMPLATES
        .iter()
        .map(|(name, template)| (name.as_str(), template))
}

/// What makes a built-in scheme that is code.
pub(super) fn coded(name: &str) -> Option<Make> {
    CODED
        .iter()
        .find_map(|(coded, make)| (*coded == name).then_some(*make))
}

/// The names of all built-in schemes, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = TEMPLATES.keys().map(String::as_str).collect();
    names.extend(CODED.iter().map(|(name, _)| *name));
    names.sort_unstable();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_built_in_scheme_has_a_mistake() {
        for (name, template) in TEMPLATES.iter() {
            assert_eq!(template.check(), [], "{name}");
            assert!(template.title.is_some(), "{name}");
        }
    }
}
