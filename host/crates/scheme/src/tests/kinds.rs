//! Kinds of schemes that tests treat alike.

/// The schemes whose requests carry the secret itself or a token, so that nothing vouches for the
/// body.
pub(super) const SENDS_SECRET: [&str; 6] = [
    "chargebee",
    "flutterwave-v3",
    "google-play",
    "phonepe",
    "revenuecat-authorization",
    "xendit",
];

/// The schemes whose providers sign with keys of their own.
pub(super) const OWN_KEYS: [&str; 8] = [
    "amazon-sns",
    "apple",
    "conekta",
    "google-play",
    "paypal",
    "plaid",
    "wechat-pay",
    "wise",
];

/// The schemes that sign values of the body, and not all of its bytes.
pub(super) const SIGNED_IN_BODY: [&str; 4] = ["adyen", "amazon-sns", "apple", "braintree"];

/// The schemes that work without a secret.
pub(super) const NO_SECRET: [&str; 5] = [
    "amazon-sns",
    "apple",
    "google-play",
    "mollie-classic",
    "paypal",
];
