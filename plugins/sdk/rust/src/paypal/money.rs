//! An amount of money as PayPal writes it.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Currencies without decimals: HUF, JPY and TWD by PayPal's page on currency codes, the others by
/// ISO 4217. HUF and TWD have two decimals in ISO 4217.
const NONE: [&str; 18] = [
    "BIF", "CLP", "DJF", "GNF", "HUF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "TWD", "UGX",
    "VND", "VUV", "XAF", "XOF", "XPF",
];
/// Currencies with three decimals (ISO 4217). PayPal's library names TND.
const THREE: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// An exact amount. PayPal sends a decimal text in two shapes: `{"currency_code": "EUR", "value":
/// "10.50"}` and, in API v1, `{"currency": "EUR", "total": "10.50"}` (fees: `value`). Both are
/// read.
///
/// A text that is no decimal number, that has more decimals than the currency, or that leaves the
/// range of 64 bits makes the payload unreadable. Zeros at the end are fine: `1000.00` is 1000 HUF.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    currency: String,
    minor: i64,
}

/// Why a payload holds no amount.
#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error("{0:?} is no currency: a currency has three capital letters")]
    Currency(String),
    #[error("{value:?} is no amount of {currency}: {why}")]
    Value {
        value: String,
        currency: String,
        why: &'static str,
    },
}

impl Money {
    fn new(currency: String, value: &str) -> Result<Self, Mistake> {
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Mistake::Currency(currency));
        }
        match minor(value, decimals(&currency)) {
            Ok(minor) => Ok(Money { currency, minor }),
            Err(why) => Err(Mistake::Value {
                value: value.into(),
                currency,
                why,
            }),
        }
    }

    /// Returns the currency: three capital letters (ISO 4217).
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Returns the amount in the currency's minor unit: 1050 for `10.50` EUR, 1000 for `1000` JPY,
    /// 1500 for `1.500` TND. Negative for money that went back, as in refunds of API v1.
    ///
    /// The minor unit is PayPal's, with [`Money::decimals`] decimals. It differs from ISO 4217, and
    /// from what Stripe and Adyen send, for HUF and TWD, which have no decimals at PayPal.
    pub fn minor(&self) -> i64 {
        self.minor
    }

    /// Returns the amount in the currency's minor unit without its sign.
    pub fn size(&self) -> u64 {
        self.minor.unsigned_abs()
    }

    /// Returns how many decimals the currency has at PayPal: 0, 2 or 3.
    pub fn decimals(&self) -> u32 {
        decimals(&self.currency)
    }
}

impl fmt::Display for Money {
    /// Writes the amount with its decimals and the currency, such as `10.50 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u64.pow(self.decimals());
        let (whole, rest) = (self.size() / one, self.size() % one);
        let sign = if self.minor < 0 { "-" } else { "" };
        match self.decimals() as usize {
            0 => write!(f, "{sign}{whole} {}", self.currency),
            width => write!(f, "{sign}{whole}.{rest:0width$} {}", self.currency),
        }
    }
}

// This code is written by hand so that the error of a wrong amount has the place of the amount.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MoneyVisitor)
    }
}

struct MoneyVisitor;

impl<'de> Visitor<'de> for MoneyVisitor {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount with its currency")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Money, A::Error> {
        let (mut currency, mut value) = (None, None);
        while let Some(name) = fields.next_key::<String>()? {
            let field = match name.as_str() {
                "currency_code" | "currency" => &mut currency,
                "value" | "total" => &mut value,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if field.replace(fields.next_value::<String>()?).is_some() {
                return Err(de::Error::custom("the amount is there twice"));
            }
        }
        let currency = currency.ok_or_else(|| de::Error::missing_field("currency_code"))?;
        let value = value.ok_or_else(|| de::Error::missing_field("value"))?;
        Money::new(currency, &value).map_err(de::Error::custom)
    }
}

fn decimals(currency: &str) -> u32 {
    if NONE.contains(&currency) {
        0
    } else if THREE.contains(&currency) {
        3
    } else {
        2
    }
}

/// Reads a decimal number in minor units.
fn minor(value: &str, decimals: u32) -> Result<i64, &'static str> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (sign, size) = match value.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, value),
    };
    let (whole, rest) = size.split_once('.').unwrap_or((size, "0"));
    if whole.is_empty() || rest.is_empty() || !digits(whole) || !digits(rest) {
        return Err("an amount is a decimal number, such as 10.50");
    }
    let rest = rest.trim_end_matches('0');
    let missing = (decimals as usize).checked_sub(rest.len());
    let missing = missing.ok_or("it has more decimals than the currency")?;
    let zeros = std::iter::repeat_n(b'0', missing);
    let all = whole.bytes().chain(rest.bytes()).chain(zeros);
    all.map(|digit| i64::from(digit - b'0') * sign)
        .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(digit))
        .ok_or("it is too large")
}
