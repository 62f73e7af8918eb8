//! The providers that come with the gateway. Each has a file `NAME.toml` here: the scheme as a
//! template, or a description of the code in `NAME.rs`, and the facts for the provider's page.

pub(super) mod apple;
pub(super) mod braintree;
pub(super) mod paypal;
pub(super) mod plaid;

mod adyen;
mod amazon_sns;
mod data;
mod google_play;
mod mollie_classic;
mod toss_unsigned;
mod twilio;
mod wechat_pay;
mod wompi;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::settings::{BuildError, Settings};
use super::verifier::Scheme;
use crate::each_scheme;

pub(super) use data::Provider;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!($name, ".toml")))),+]
    };
}

/// Every provider with the text of its file, in alphabetical order.
const FILES: &[(&str, &str)] = each_scheme!(files);

/// The providers whose schemes the template cannot express. The code of each is in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coded {
    Adyen,
    AmazonSns,
    Apple,
    Braintree,
    GooglePlay,
    MollieClassic,
    Paypal,
    Plaid,
    TossUnsigned,
    Twilio,
    WechatPay,
    Wompi,
}

impl Coded {
    pub(super) const ALL: [Self; 12] = [
        Self::Adyen,
        Self::AmazonSns,
        Self::Apple,
        Self::Braintree,
        Self::GooglePlay,
        Self::MollieClassic,
        Self::Paypal,
        Self::Plaid,
        Self::TossUnsigned,
        Self::Twilio,
        Self::WechatPay,
        Self::Wompi,
    ];

    /// The provider with this name, if its scheme is code.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coded| coded.name() == name)
    }

    /// The name of the scheme in a manifest.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Adyen => "adyen",
            Self::AmazonSns => "amazon-sns",
            Self::Apple => "apple",
            Self::Braintree => "braintree",
            Self::GooglePlay => "google-play",
            Self::MollieClassic => "mollie-classic",
            Self::Paypal => "paypal",
            Self::Plaid => "plaid",
            Self::TossUnsigned => "toss-unsigned",
            Self::Twilio => "twilio",
            Self::WechatPay => "wechat-pay",
            Self::Wompi => "wompi",
        }
    }

    /// The scheme with a source's settings, or every mistake in the settings.
    pub(super) fn build(self, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
        let build = match self {
            Self::Adyen => adyen::build,
            Self::AmazonSns => amazon_sns::build,
            Self::Apple => apple::build,
            Self::Braintree => braintree::build,
            Self::GooglePlay => google_play::build,
            Self::MollieClassic => mollie_classic::build,
            Self::Paypal => paypal::build,
            Self::Plaid => plaid::build,
            Self::TossUnsigned => toss_unsigned::build,
            Self::Twilio => twilio::build,
            Self::WechatPay => wechat_pay::build,
            Self::Wompi => wompi::build,
        };
        build(self.name(), settings)
    }
}

static PROVIDERS: LazyLock<BTreeMap<&str, Provider>> = LazyLock::new(|| {
    let read = |text| toml::from_str(text).expect("a test shows that the files are well-formed");
    FILES
        .iter()
        .map(|(name, text)| (*name, read(text)))
        .collect()
});

/// Every provider's name and data, in alphabetical order.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static Provider)> {
    PROVIDERS.iter().map(|(name, provider)| (*name, provider))
}

/// The data of one provider.
pub(super) fn get(name: &str) -> Option<&'static Provider> {
    PROVIDERS.get(name)
}

/// Every provider's name and the TOML text of its file, in alphabetical order.
pub fn provider_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}
