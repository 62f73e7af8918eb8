//! Builds verifiers: from a built-in scheme by its name, or from a template.

use super::declarative::{Declarative, Enveloped, Template};
use super::providers::{self, Coded};
use super::settings::{BuildError, Setting, Settings};
use super::verifier::{AskedOfEvents, Scheme, Verifier};
use tollgate_base::suggest::nearest;

/// The names of all built-in schemes, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    providers::all().map(|(name, _)| name)
}

/// The verifier of a built-in scheme, or every mistake in the settings.
pub fn build(scheme: &str, settings: Settings) -> Result<Verifier, Vec<BuildError>> {
    if let Some(coded) = Coded::named(scheme) {
        let asked = AskedOfEvents::of(&settings);
        return Verifier::new(scheme, coded.build(settings)?, &asked);
    }
    let provider = providers::get(scheme);
    match provider.and_then(|provider| provider.scheme.as_ref()) {
        Some(template) => build_template(scheme, template, settings),
        None => Err(vec![unknown_scheme(scheme)]),
    }
}

/// The verifier of a template if there is one, else of a built-in scheme.
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

/// The verifier of a template, or every mistake in the template and in the settings.
pub fn build_template(
    name: &str,
    template: &Template,
    settings: Settings,
) -> Result<Verifier, Vec<BuildError>> {
    let asked = AskedOfEvents::of(&settings);
    let scheme: Box<dyn Scheme> = match &template.jws {
        Some(form) => Box::new(Enveloped::new(name, template, form, settings)?),
        None => Box::new(Declarative::new(name, template, settings)?),
    };
    Verifier::new(name, scheme, &asked)
}

/// The error for an unknown scheme, with the name that was probably meant.
fn unknown_scheme(name: &str) -> BuildError {
    let hint = match nearest(name, names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "the built-in schemes are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    BuildError::new(
        Setting::Scheme,
        format!("there is no scheme `{name}`: {hint}"),
    )
}
