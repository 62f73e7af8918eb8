//! The providers whose schemes need code, a file each.

pub(super) mod braintree;
pub(super) mod paypal;
pub(super) mod plaid;

mod adyen;
mod mollie_classic;
mod twilio;

use super::settings::{BuildError, Settings};
use super::verifier::Scheme;

/// A scheme that the template cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coded {
    Adyen,
    Braintree,
    MollieClassic,
    Paypal,
    Plaid,
    Twilio,
}

impl Coded {
    /// All of them.
    const ALL: [Self; 6] = [
        Self::Adyen,
        Self::Braintree,
        Self::MollieClassic,
        Self::Paypal,
        Self::Plaid,
        Self::Twilio,
    ];

    /// The scheme of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coded| coded.name() == name)
    }

    /// The names of all of them.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Its name in a manifest.
    fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
            Self::Braintree => "braintree",
            Self::MollieClassic => "mollie-classic",
            Self::Paypal => "paypal",
            Self::Plaid => "plaid",
            Self::Twilio => "twilio",
        }
    }

    /// The scheme with a source's settings, or every mistake in them.
    pub(super) fn build(self, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
        let build = match self {
            Self::Adyen => adyen::build,
            Self::Braintree => braintree::build,
            Self::MollieClassic => mollie_classic::build,
            Self::Paypal => paypal::build,
            Self::Plaid => plaid::build,
            Self::Twilio => twilio::build,
        };
        build(self.name(), settings)
    }
}
