//! PayPal's amounts.

use serde_json::{Value, json};
use tollgate_handler::paypal::Money;

use crate::fixtures::{mistake, read};

fn money(currency: &str, value: &str) -> Money {
    let new = read("money", &json!({"currency_code": currency, "value": value}));
    for old in ["total", "value"] {
        let read: Money = read(
            "money",
            &json!({"currency": currency, old: value, "details": {}}),
        );
        assert_eq!(new, read);
    }
    new
}

#[test]
fn amounts_are_exact_in_the_currency_s_minor_unit() {
    for (currency, value, minor, written) in [
        ("EUR", "10.50", 1050, "10.50 EUR"),
        ("EUR", "10.5", 1050, "10.50 EUR"),
        ("EUR", "10", 1000, "10.00 EUR"),
        ("EUR", "0.07", 7, "0.07 EUR"),
        ("EUR", "-0.07", -7, "-0.07 EUR"),
        ("USD", "0.00", 0, "0.00 USD"),
        ("USD", "1.15", 115, "1.15 USD"),
        ("JPY", "1000", 1000, "1000 JPY"),
        ("HUF", "1000.00", 1000, "1000 HUF"),
        ("TWD", "-5", -5, "-5 TWD"),
        ("TND", "1.500", 1500, "1.500 TND"),
        ("KWD", "1.5", 1500, "1.500 KWD"),
        ("EUR", "007.100", 710, "7.10 EUR"),
        (
            "USD",
            "90071992547409.93",
            9_007_199_254_740_993,
            "90071992547409.93 USD",
        ),
        (
            "USD",
            "92233720368547758.07",
            i64::MAX,
            "92233720368547758.07 USD",
        ),
        (
            "USD",
            "-92233720368547758.08",
            i64::MIN,
            "-92233720368547758.08 USD",
        ),
    ] {
        let money = money(currency, value);
        assert_eq!(money.minor(), minor, "{currency} {value}");
        assert_eq!(
            (money.currency(), money.to_string()),
            (currency, written.into())
        );
    }
    let decimals = ["EUR", "HUF", "TND"].map(|currency| money(currency, "1").decimals());
    assert_eq!(decimals, [2, 0, 3]);
}

#[test]
fn what_is_no_amount_is_a_readable_mistake() {
    let why = |currency: Value, value: Value| {
        let money = json!({"amount": {"currency_code": currency, "value": value}});
        #[derive(Debug, serde::Deserialize)]
        struct Holder {
            #[serde(rename = "amount")]
            _amount: Money,
        }
        let why = mistake::<Holder>(money.to_string().as_bytes());
        assert!(why.starts_with("amount"), "{why}");
        why
    };
    for odd in [
        "", "-", ".", "1.", ".5", "+1", "1e3", "1,50", " 1", "1 ", "0x1", "--1", "1.2.3", "NaN",
        "١",
    ] {
        let why = why(json!("EUR"), json!(odd));
        assert!(why.contains("such as 10.50"), "{odd:?}: {why}");
    }
    for (currency, value) in [("EUR", "1.005"), ("JPY", "1.5"), ("TND", "1.0001")] {
        assert!(why(json!(currency), json!(value)).contains("more decimals"));
    }
    for large in [
        "92233720368547758.08",
        "-92233720368547758.09",
        &"9".repeat(400),
    ] {
        assert!(why(json!("EUR"), json!(large)).contains("too large"));
    }
    for odd in ["", "eur", "EURO", "€€€", "E\u{0}R"] {
        assert!(why(json!(odd), json!("1.00")).contains("three capital letters"));
    }
    let number = why(json!("EUR"), json!(10.5));
    assert!(
        number.starts_with("amount.value: ") && number.contains("string"),
        "{number}"
    );
    assert!(why(Value::Null, json!("1.00")).starts_with("amount.currency_code: "));
    let twice = br#"{"currency": "EUR", "total": "1.00", "value": "2.00"}"#;
    assert!(mistake::<Money>(twice).contains("twice"));
    let missing = mistake::<Money>(br#"{"currency_code": "EUR"}"#);
    assert!(missing.contains("`value`"), "{missing}");
}
