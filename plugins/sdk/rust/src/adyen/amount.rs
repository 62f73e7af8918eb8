//! An amount of money as Adyen writes it.

use serde::Deserialize;

/// An amount in the currency's minor unit. For a few currencies Adyen's minor unit differs from the
/// one of ISO 4217: see Adyen's page on currency codes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Amount {
    /// The currency: three capital letters (ISO 4217).
    pub currency: String,
    /// The amount in minor units.
    pub value: i64,
}
