//! Properties of the schemes that sign parts of a request, or more than the body: Adyen's items,
//! Braintree's and Twilio's forms, URLs. A change of a signed part is refused, a change of another
//! part is not.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::*;

/// A change of one character.
#[derive(Clone, Copy, Debug)]
enum Change {
    Replace(Index, char),
    Insert(Index, char),
    Delete(Index),
}

impl Change {
    /// The changed text. `None` if the text stays the same.
    fn of(self, text: &str) -> Option<String> {
        let mut chars: Vec<char> = text.chars().collect();
        match self {
            Self::Insert(at, new) => chars.insert(at.index(chars.len() + 1), new),
            _ if chars.is_empty() => return None,
            Self::Replace(at, new) => {
                let at = at.index(chars.len());
                chars[at] = new;
            }
            Self::Delete(at) => {
                chars.remove(at.index(chars.len()));
            }
        }
        let changed: String = chars.into_iter().collect();
        (changed != text).then_some(changed)
    }
}

fn change() -> impl Strategy<Value = Change> {
    // A separator of fields, pairs or parts of a URL finds more than a letter.
    let character = || {
        prop_oneof![
            prop::char::range(' ', '~'),
            select(vec![':', '|', '&', '=', '/', '%', '\n', 'é'])
        ]
    };
    prop_oneof![
        (any::<Index>(), character()).prop_map(|(at, new)| Change::Replace(at, new)),
        (any::<Index>(), character()).prop_map(|(at, new)| Change::Insert(at, new)),
        any::<Index>().prop_map(Change::Delete),
    ]
}

/// A form's body, with every byte escaped.
fn form(pairs: &[(String, String)]) -> Bytes {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&").into()
}

fn pairs(body: &[u8]) -> Vec<(String, String)> {
    let unescaped = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let text = std::str::from_utf8(body).unwrap();
    text.split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (unescaped(name), unescaped(value)))
        .collect()
}

/// All vectors, read once.
static VECTORS: LazyLock<Vec<(String, Vec<Vector>)>> = LazyLock::new(all);

fn of_vector(scheme: &str, name: &str) -> (Settings, Captured) {
    let of_scheme = VECTORS.iter().find(|(known, _)| known == scheme).unwrap();
    let mut vectors = of_scheme.1.iter();
    let vector = vectors.find(|vector| vector.name == name).unwrap();
    (vector.settings(), vector.captured())
}

fn accepts(verifier: &Verifier, captured: &Captured) -> bool {
    verifier.verify(&captured.request(), NOW).is_ok()
}

/// The fields of an item that Adyen signs.
const SIGNED: [&str; 8] = [
    "/pspReference",
    "/originalReference",
    "/merchantAccountCode",
    "/merchantReference",
    "/amount/value",
    "/amount/currency",
    "/eventCode",
    "/success",
];

/// Two items, signed.
fn batch() -> (Verifier, Value) {
    let verifier = verifier("adyen", &["00ff"]);
    let item = |reference: &str| {
        json!({ "NotificationRequestItem": {
            "pspReference": reference, "originalReference": "O1", "merchantAccountCode": "Shop",
            "merchantReference": "order 1", "amount": { "value": 1130, "currency": "EUR" },
            "eventCode": "AUTHORISATION", "success": "true", "reason": "1234:7777:12/2012",
            "eventDate": "2025-10-09T10:53:20+02:00",
        } })
    };
    let body = json!({ "live": "false", "notificationItems": [item("P1"), item("P2")] });
    let captured = capture(&verifier, body.to_string());
    (verifier, serde_json::from_slice(&captured.body).unwrap())
}

fn with_body(body: impl Into<Bytes>) -> Captured {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    Captured {
        method: http::Method::POST,
        url: "/hook".to_owned(),
        headers,
        body: body.into(),
    }
}

#[test]
fn order_that_is_not_signed_does_not_matter() {
    let reversed = |text: &str| {
        let pairs: Vec<_> = text.split('&').rev().collect();
        pairs.join("&")
    };
    let mut tried = 0;
    for (scheme, vectors) in VECTORS.iter() {
        for vector in vectors.iter().filter(|vector| vector.is_accepted()) {
            let mut captured = vector.captured();
            let text = String::from_utf8_lossy(&captured.body).into_owned();
            let other = match scheme.as_str() {
                "adyen" => {
                    let body: Value = serde_json::from_str(&text).unwrap();
                    let items = &body["notificationItems"];
                    format!("{{\"notificationItems\":{items},\"live\":\"false\"}}")
                }
                "braintree" | "twilio" if text.contains('=') => reversed(&text),
                _ => continue,
            };
            tried += usize::from(other != text);
            captured.body = other.into();
            let verifier = build(scheme, vector.settings()).unwrap();
            assert!(accepts(&verifier, &captured), "{scheme}: {}", vector.name);
        }
    }
    assert!(tried >= 10, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_adyen_signs_cannot_be_changed(
        item in 0_usize..2,
        field in select(SIGNED.to_vec()),
        change in change(),
    ) {
        let (verifier, mut body) = batch();
        prop_assert!(accepts(&verifier, &with_body(body.to_string())));
        let pointer = format!("/notificationItems/{item}/NotificationRequestItem{field}");
        let value = body.pointer_mut(&pointer).unwrap();
        let before = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let Some(after) = change.of(&before) else {
            return Ok(());
        };
        *value = match value {
            Value::Number(_) => after.parse::<u64>().map_or(Value::from(after), Value::from),
            _ => after.into(),
        };
        // `+1130` and the like are the same number.
        prop_assume!(*value != 1130);
        prop_assert!(!accepts(&verifier, &with_body(body.to_string())), "{}", pointer);
    }

    #[test]
    fn what_adyen_does_not_sign_is_no_reason_to_refuse(text in "[ -~é]{0,20}", more in "[a-z]{1,9}") {
        let (verifier, mut body) = batch();
        let before = events(&verifier, &with_body(body.to_string()));
        let item = &mut body["notificationItems"][0]["NotificationRequestItem"];
        item["reason"] = text.clone().into();
        item["additionalData"][format!("x.{more}")] = text.into();
        let after = events(&verifier, &with_body(body.to_string()));
        let basis = |events: &[ProviderEvent]| -> Vec<_> {
            events.iter().map(|event| event.dedup.clone()).collect()
        };
        prop_assert_eq!(basis(&before), basis(&after));
    }

    #[test]
    fn whatever_braintree_signs_cannot_be_changed(field in 0_usize..2, change in change()) {
        let (settings, mut captured) = of_vector("braintree", "as the library's own test notification");
        let verifier = build("braintree", settings).unwrap();
        let mut fields = pairs(&captured.body);
        captured.body = form(&fields);
        prop_assert!(accepts(&verifier, &captured));
        let Some(after) = change.of(&fields[field].1) else {
            return Ok(());
        };
        // A line's end at the payload's that is signed may be missing.
        prop_assume!(field == 0 || after.trim_end() != fields[1].1.trim_end());
        // Signatures are a list, in which one without anything counts for nothing.
        let listed = |text: &str| text.trim_matches('&').to_owned();
        prop_assume!(field == 1 || listed(&after) != listed(&fields[0].1));
        fields[field].1 = after;
        captured.body = form(&fields);
        prop_assert!(!accepts(&verifier, &captured), "{:?}", fields[field]);
    }

    #[test]
    fn whatever_twilio_signs_cannot_be_changed(
        field: Index,
        of_name: bool,
        change in change(),
    ) {
        let (settings, mut captured) = of_vector("twilio", "a form");
        let verifier = build("twilio", settings).unwrap();
        let mut fields = pairs(&captured.body);
        let at = field.index(fields.len());
        let text = if of_name { &mut fields[at].0 } else { &mut fields[at].1 };
        let Some(after) = change.of(text) else {
            return Ok(());
        };
        *text = after;
        captured.body = form(&fields);
        prop_assert!(!accepts(&verifier, &captured), "{:?}", fields[at]);
    }

    #[test]
    fn twilios_fields_may_come_in_any_order(
        fields in Just(pairs(&of_vector("twilio", "a form").1.body)).prop_shuffle(),
    ) {
        let (settings, mut captured) = of_vector("twilio", "a form");
        let verifier = build("twilio", settings).unwrap();
        let before = events(&verifier, &captured);
        captured.body = form(&fields);
        let after = events(&verifier, &captured);
        prop_assert_eq!(&before[0].dedup, &after[0].dedup);
    }

    #[test]
    fn a_url_that_is_signed_cannot_be_changed(change in change()) {
        for (scheme, name) in [("square", "plain"), ("twilio", "a form"), ("twilio", "JSON")] {
            let (mut settings, captured) = of_vector(scheme, name);
            let url = settings.url.clone().unwrap();
            let Some(other) = change.of(&url) else {
                continue;
            };
            // The query that comes takes the place of the configured one.
            let before_query = |url: &str| url.split('?').next().map(str::to_owned);
            if captured.url.contains('?') && before_query(&other) == before_query(&url) {
                continue;
            }
            settings.url = Some(other.clone());
            // Not every text is a URL.
            let Ok(verifier) = build(scheme, settings) else {
                continue;
            };
            prop_assert!(!accepts(&verifier, &captured), "{}: {}", scheme, other);
        }
    }

    #[test]
    fn a_query_that_is_signed_cannot_be_changed(change in change()) {
        for name in ["with a query", "JSON"] {
            let (settings, mut captured) = of_vector("twilio", name);
            let verifier = build("twilio", settings).unwrap();
            prop_assert!(accepts(&verifier, &captured));
            let (path, query) = captured.url.split_once('?').unwrap();
            let Some(other) = change.of(query) else {
                continue;
            };
            captured.url = format!("{path}?{other}");
            prop_assert!(!accepts(&verifier, &captured), "{}: {}", name, other);
        }
    }
}
