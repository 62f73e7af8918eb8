//! Kinds of schemes that tests treat alike.

/// The schemes that sign nothing of the body: most of their requests carry the secret itself or a
/// token.
pub(super) const SENDS_SECRET: [&str; 7] = [
    "chargebee",
    "flutterwave-v3",
    "google-play",
    "mercado-pago",
    "phonepe",
    "revenuecat-authorization",
    "xendit",
];

/// The schemes whose providers sign with keys of their own.
pub(super) const OWN_KEYS: [&str; 11] = [
    "alipay",
    "amazon-sns",
    "antom",
    "apple",
    "conekta",
    "google-play",
    "midtrans-snap",
    "paypal",
    "plaid",
    "wechat-pay",
    "wise",
];

/// The schemes that sign values of the body, and not all of its bytes.
pub(super) const SIGNED_IN_BODY: [&str; 13] = [
    "adyen",
    "alipay",
    "amazon-sns",
    "apple",
    "braintree",
    "fawry",
    "iyzico",
    "midtrans",
    "midtrans-snap",
    "nuvei",
    "przelewy24",
    "tap",
    "wompi",
];

/// The schemes that sign some values of the body alone, so that other values can be changed.
pub(super) const SIGNED_IN_PART: [&str; 6] =
    ["fawry", "iyzico", "midtrans", "nuvei", "tap", "wompi"];

/// The schemes that work without a secret.
pub(super) const NO_SECRET: [&str; 6] = [
    "amazon-sns",
    "apple",
    "google-play",
    "mollie-classic",
    "paypal",
    "toss-unsigned",
];
