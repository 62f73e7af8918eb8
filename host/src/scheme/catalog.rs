//! The schemes that come with the gateway, and verifiers made of them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::declarative::{Declarative, Template};
use super::providers::Coded;
use super::settings::{BuildError, Setting, Settings};
use super::verifier::Verifier;
use crate::suggest::nearest;

/// Every scheme that is data, in the form that a manifest's `[schemes.NAME]` has.
static TEMPLATES: LazyLock<BTreeMap<String, Template>> = LazyLock::new(|| {
    toml::from_str(include_str!("builtin.toml"))
        .expect("the built-in schemes are well-formed, which a test shows")
});

/// The names of all built-in schemes, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = TEMPLATES.keys().map(String::as_str).collect();
    names.extend(Coded::names());
    names.sort_unstable();
    names.into_iter()
}

/// The verifier of a built-in scheme with these settings, or every mistake in them.
pub fn build(scheme: &str, settings: Settings) -> Result<Verifier, Vec<BuildError>> {
    if let Some(template) = template(scheme) {
        return build_template(scheme, template, settings);
    }
    let coded = Coded::named(scheme).ok_or_else(|| vec![unknown_scheme(scheme)])?;
    Ok(Verifier::new(scheme, coded.build(settings)?))
}

/// The verifier of a built-in scheme or, with a description, of a manifest's own.
pub fn build_with(
    name: &str,
    template: Option<&Template>,
    settings: Settings,
) -> Result<Verifier, Vec<BuildError>> {
    match template {
        Some(template) => build_template(name, template, settings),
        None => build(name, settings),
    }
}

/// The verifier of a scheme that a manifest's `[schemes.NAME]` describes, or every mistake
/// in its settings and in the description.
pub fn build_template(
    name: &str,
    template: &Template,
    settings: Settings,
) -> Result<Verifier, Vec<BuildError>> {
    let scheme = Declarative::new(name, template, settings)?;
    Ok(Verifier::new(name, Box::new(scheme)))
}

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

/// A scheme that nobody has described; with the name that was probably meant.
fn unknown_scheme(name: &str) -> BuildError {
    let hint = match nearest(name, names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "the built-in ones are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    BuildError::new(
        Setting::Scheme,
        format!("there is no scheme `{name}`: {hint}"),
    )
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
