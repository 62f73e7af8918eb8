//! What is done to requests that are accepted, for every scheme: each case over all accepted
//! vectors. And the traps that official libraries fell into, each with the request that
//! shows it.

use super::*;

/// Every vector that is accepted.
fn accepted() -> impl Iterator<Item = (String, Vector)> {
    all().into_iter().flat_map(|(scheme, vectors)| {
        let accepted = vectors.into_iter().filter(Vector::is_accepted);
        accepted.map(move |vector| (scheme.clone(), vector))
    })
}

/// What becomes of each accepted request after a change; the change says whether it applies.
fn after(
    change: impl Fn(&str, &mut Captured, &mut Settings, &mut UnixMillis) -> bool,
) -> Vec<(String, Option<&'static str>)> {
    let mut outcomes = Vec::new();
    for (scheme, vector) in accepted() {
        let (mut captured, mut settings) = (vector.captured(), vector.settings());
        let mut now = vector.now();
        if !change(&scheme, &mut captured, &mut settings, &mut now) {
            continue;
        }
        let label = format!("{scheme}: {}", vector.name);
        let verifier =
            build(&scheme, settings).unwrap_or_else(|errors| panic!("{label}: {errors:?}"));
        let outcome = verifier.verify(&captured.request(), now);
        outcomes.push((label, outcome.err().map(|rejection| rejection.code())));
    }
    outcomes
}

/// All are refused, and there are so many at least.
fn refused(at_least: usize, outcomes: &[(String, Option<&'static str>)]) {
    for (label, code) in outcomes {
        assert!(code.is_some(), "{label}: accepted");
    }
    assert!(outcomes.len() >= at_least, "{}", outcomes.len());
}

/// Of these nothing vouches for the body.
fn vouches(scheme: &str) -> bool {
    !["mollie-classic", "flutterwave-v3"].contains(&scheme)
}

/// The header with the signature, where there is one.
fn signature_header(scheme: &str, captured: &Captured) -> Option<http::HeaderName> {
    let signs = |name: &http::HeaderName| {
        let name = name.as_str();
        name.ends_with("signature")
            || name.contains("hmac")
            || name == "x-signature-sha256"
            || name == "x-hub-signature-256"
            || name == "paypal-transmission-sig"
            || name == "plaid-verification"
            || name == "verif-hash"
    };
    let mut found: Vec<_> = captured.headers.keys().filter(|name| signs(name)).collect();
    // Where a request has names of both families, this one counts.
    found.sort_by_key(|name| !name.as_str().starts_with("svix-"));
    let found = found.first().copied().cloned();
    found.filter(|_| !["adyen", "braintree"].contains(&scheme))
}

#[test]
fn truncated() {
    let outcomes = after(|scheme, captured, _, _| {
        captured.body = captured.body.slice(..captured.body.len() - 1);
        vouches(scheme)
    });
    refused(70, &outcomes);
}

#[test]
fn tampered() {
    let outcomes = after(|scheme, captured, _, _| {
        let mut body = captured.body.to_vec();
        // A digit or letter that every scheme signs: in Adyen's items the reference.
        let at = body
            .windows(14)
            .position(|bytes| bytes == b"\"pspReference\"");
        let at = at.map_or(body.len() / 2, |at| at + 18);
        body[at] = if body[at] == b'7' { b'8' } else { b'7' };
        captured.body = body.into();
        vouches(scheme)
    });
    refused(70, &outcomes);
}

#[test]
fn re_ordered() {
    let outcomes = after(|scheme, captured, _, _| {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(&captured.body) else {
            return false;
        };
        let texts = fields
            .iter()
            .rev()
            .map(|(name, value)| format!("{name:?}:{value}"));
        let before = captured.body.clone();
        captured.body = format!("{{{}}}", texts.collect::<Vec<_>>().join(",")).into();
        // Adyen signs values, wherever they stand.
        captured.body != before && vouches(scheme) && scheme != "adyen" && fields.len() > 1
    });
    refused(50, &outcomes);
}

#[test]
fn stale_and_future() {
    const YEAR: UnixMillis = 366 * 86_400_000;
    for (change, code) in [(YEAR, "timestamp_too_old"), (0, "timestamp_in_future")] {
        let mut timed = 0;
        for (scheme, vector) in accepted() {
            let verifier = build(&scheme, vector.settings()).unwrap();
            let captured = vector.captured();
            let now = if change > 0 {
                vector.now() + change
            } else {
                vector.now() - YEAR
            };
            let outcome = verifier.verify(&captured.request(), now);
            let found = outcome.err().map(|rejection| rejection.code());
            let label = format!("{scheme}: {}", vector.name);
            if verifier.checks_time() {
                timed += 1;
                // A key of Plaid's may have ended by then.
                let ended = scheme == "plaid" && found == Some("untrusted_key");
                assert!(found == Some(code) || ended, "{label}: {found:?}");
            } else {
                assert!(found.is_none() || scheme == "plaid", "{label}: {found:?}");
            }
        }
        assert!(timed > 40, "{timed}");
    }
}

#[test]
fn wrong_secret() {
    let outcomes = after(|scheme, _, settings, _| {
        let Some(_) = secret(scheme).filter(|secrets| !secrets.is_empty()) else {
            return false;
        };
        for given in &mut settings.secrets {
            if given.secret.expose().starts_with(b"whpk_") {
                return false;
            }
            given.secret = Secret::new(&b"00ff00ff"[..]);
        }
        true
    });
    refused(60, &outcomes);
}

#[test]
fn wrong_case() {
    let outcomes = after(|scheme, captured, _, _| {
        let Some(name) = signature_header(scheme, captured) else {
            return false;
        };
        let text = captured.headers[&name].to_str().unwrap().to_owned();
        // The value alone: names of pairs and versions stay as they are.
        let at = text
            .rfind(['=', ','])
            .filter(|at| at + 1 < text.len() && text[at + 1..].len() > 8);
        let (head, tail) = text.split_at(at.map_or(0, |at| at + 1));
        let swapped: String = tail
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        let several = text.contains(' ')
            || text.matches("v1=").count() > 1
            || text.matches("h1=").count() > 1;
        captured
            .headers
            .insert(name, format!("{head}{swapped}").parse().unwrap());
        swapped != tail && !several && vouches(scheme)
    });
    refused(40, &outcomes);
}

#[test]
fn not_utf_8() {
    let in_header = after(|scheme, captured, _, _| {
        let Some(name) = signature_header(scheme, captured) else {
            return false;
        };
        let value = http::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        captured.headers.insert(name, value);
        true
    });
    refused(60, &in_header);
    let in_body = after(|_, captured, _, _| {
        captured.body = Bytes::from_static(b"\xff\xfe{}");
        true
    });
    let vouched: Vec<_> = in_body.into_iter().collect();
    refused(70, &vouched);
}

#[test]
fn several_signatures() {
    let outcomes = after(|scheme, captured, _, _| {
        let Some(name) = signature_header(scheme, captured) else {
            return false;
        };
        let again = captured.headers[&name].clone();
        captured.headers.append(name, again);
        // Mollie's may come several times.
        scheme != "mollie"
    });
    for (label, code) in &outcomes {
        assert_eq!(*code, Some("repeated_header"), "{label}");
    }
    assert!(outcomes.len() > 60);
}

/// A trap, the scheme and vector that shows it, and what becomes of that: the code of a
/// rejection, or accepted. More of them have tests of their own, by name: an empty secret
/// (`an_empty_secret_is_a_mistake_for_every_scheme`), an unknown scheme
/// (`an_unknown_scheme_fails_closed_and_the_nearest_is_named`), ids that nothing vouches for
/// (`an_unsigned_id_is_recorded_but_is_no_key`), PayPal's CRC32
/// (`a_paypal_delivery_with_another_body_of_the_same_checksum_is_a_duplicate`), Mollie's id
/// that repeats (`mollies_classic_webhooks_keep_every_change`).
const TRAPS: &[(&str, &str, &str, Option<&str>)] = &[
    (
        "item 0 alone is checked",
        "adyen",
        "one forged item refuses the whole request",
        Some("signature_mismatch"),
    ),
    (
        "an unsigned item among signed ones",
        "adyen",
        "an unsigned item refuses the whole request",
        Some("no_known_signature"),
    ),
    (
        "fields are not escaped",
        "adyen",
        "a merchant reference with colons is not escaped",
        None,
    ),
    (
        "the key is decoded from hexadecimal",
        "adyen-platform",
        "the key is decoded",
        Some("signature_mismatch"),
    ),
    (
        "the last h1 alone is kept",
        "paddle",
        "several h1, the first holds",
        None,
    ),
    (
        "any h1 may hold",
        "paddle",
        "several h1, the last holds",
        None,
    ),
    (
        "underscores in a timestamp",
        "stripe",
        "underscored timestamp, signed as such",
        Some("malformed_timestamp"),
    ),
    (
        "underscores in a timestamp",
        "svix",
        "underscored timestamp, signed as such",
        Some("malformed_timestamp"),
    ),
    (
        "junk after a timestamp",
        "stripe",
        "junk after the timestamp",
        Some("malformed_timestamp"),
    ),
    (
        "two t, the first counts",
        "stripe",
        "conflicting t, the signed one first",
        Some("conflicting_timestamps"),
    ),
    (
        "two t, the last counts",
        "stripe",
        "conflicting t, the signed one last",
        Some("conflicting_timestamps"),
    ),
    (
        "a double space ends the list",
        "standard-webhooks",
        "a double space does not end the list",
        None,
    ),
    (
        "JSON is written anew",
        "stripe",
        "re-serialised body",
        Some("signature_mismatch"),
    ),
    (
        "JSON is written anew",
        "plaid",
        "re-serialised body",
        Some("signature_mismatch"),
    ),
    (
        "the secret is decoded",
        "stripe",
        "the secret is not decoded",
        Some("signature_mismatch"),
    ),
    (
        "exactly the tolerance passes",
        "stripe",
        "exactly 300 s old",
        None,
    ),
    (
        "the future is bounded",
        "stripe",
        "301 s ahead",
        Some("timestamp_in_future"),
    ),
    (
        "another scheme's signature counts",
        "stripe",
        "v0 alone does not count",
        Some("no_known_signature"),
    ),
    (
        "a proxy ends TLS",
        "square",
        "signed for http instead of https",
        Some("signature_mismatch"),
    ),
    (
        "a proxy ends TLS",
        "twilio",
        "signed for http instead of https",
        Some("signature_mismatch"),
    ),
    ("the port of a URL", "twilio", "signed with the port", None),
    (
        "a form is signed as it is",
        "github",
        "a form is signed as it is",
        None,
    ),
    (
        "svix wins over the plain names",
        "svix",
        "both names, svix wins though it is wrong",
        Some("signature_mismatch"),
    ),
    (
        "the private key itself signs",
        "braintree",
        "the private key itself",
        Some("signature_mismatch"),
    ),
    (
        "a line's end is signed",
        "braintree",
        "signed with a line's end that is not sent",
        None,
    ),
    (
        "the prefix may be absent",
        "mollie",
        "without the prefix",
        None,
    ),
    (
        "the checksum is signed as a negative number",
        "paypal",
        "a checksum above 2^31",
        None,
    ),
    (
        "a certificate from anywhere",
        "paypal",
        "a certificate from elsewhere",
        Some("untrusted_key"),
    ),
    (
        "a token without signature",
        "plaid",
        "alg none",
        Some("no_known_signature"),
    ),
    (
        "an HMAC under the public key",
        "plaid",
        "HMAC under the public key",
        Some("no_known_signature"),
    ),
];

#[test]
fn every_trap_is_shown_by_a_request() {
    let vectors = all();
    for (trap, scheme, name, code) in TRAPS {
        let of_scheme = vectors.iter().find(|(known, _)| known == scheme).unwrap();
        let vector = of_scheme.1.iter().find(|vector| vector.name == *name);
        let vector = vector.unwrap_or_else(|| panic!("{trap}: {scheme} has no `{name}`"));
        let verifier = build(scheme, vector.settings()).unwrap();
        let outcome = verifier.verify(&vector.captured().request(), vector.now());
        let found = outcome.err().map(|rejection| rejection.code());
        assert_eq!(found, *code, "{trap}: {scheme}: {name}");
    }
}
