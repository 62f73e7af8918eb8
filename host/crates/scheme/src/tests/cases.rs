//! Changes of accepted requests, for every scheme: each change is made to all accepted vectors.

use rcgen::PublicKeyData as _;
use ring::signature::RsaKeyPair;

use super::*;
use tollgate_base::time::WallTime;

/// Every vector that is accepted.
fn accepted() -> impl Iterator<Item = (String, Vector)> {
    all().into_iter().flat_map(|(scheme, vectors)| {
        let accepted = vectors.into_iter().filter(Vector::is_accepted);
        accepted.map(move |vector| (scheme.clone(), vector))
    })
}

/// The outcome of each accepted request after a change. The change returns whether it applies.
fn after(
    change: impl Fn(&str, &mut Captured, &mut Settings, &mut WallTime) -> bool,
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

/// Asserts that at least this number of requests was tried, and that all were refused.
fn refused(at_least: usize, outcomes: &[(String, Option<&'static str>)]) {
    for (label, code) in outcomes {
        assert!(code.is_some(), "{label}: accepted");
    }
    assert!(outcomes.len() >= at_least, "{}", outcomes.len());
}

/// Whether the scheme signs the body.
fn signs_body(scheme: &str) -> bool {
    !["mollie-classic", "toss-unsigned"].contains(&scheme) && !SENDS_SECRET.contains(&scheme)
}

/// The header with the signature, if there is one.
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
            || name == "digest"
            || name == "authorization"
            || name == "x-callback-token"
    };
    let mut found: Vec<_> = captured.headers.keys().filter(|name| signs(name)).collect();
    // If a request has the headers of both families, `svix-` counts.
    found.sort_by_key(|name| !name.as_str().starts_with("svix-"));
    let found = found.first().copied().cloned();
    found.filter(|_| !SIGNED_IN_BODY.contains(&scheme))
}

#[test]
fn truncated() {
    let outcomes = after(|scheme, captured, _, _| {
        captured.body = captured.body.slice(..captured.body.len().saturating_sub(1));
        // A GET request has no body.
        signs_body(scheme) && captured.method == http::Method::POST
    });
    refused(70, &outcomes);
}

#[test]
fn tampered() {
    let outcomes = after(|scheme, captured, _, _| {
        let mut body = captured.body.to_vec();
        if body.is_empty() {
            return false;
        }
        // A digit or letter that every scheme signs; in Adyen's items the reference, in
        // messages of SNS the id.
        let after = |name: &[u8]| {
            let at = body.windows(name.len()).position(|bytes| bytes == name);
            at.map(|at| at + name.len() + 4)
        };
        let signed = after(b"\"pspReference\"").or_else(|| after(b"\"MessageId\""));
        let at = signed.unwrap_or(body.len() / 2);
        body[at] = if body[at] == b'7' { b'8' } else { b'7' };
        captured.body = body.into();
        signs_body(scheme) && !SIGNED_IN_PART.contains(&scheme)
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
        // Values are signed in any order of the body.
        let any_order = SIGNED_IN_BODY.contains(&scheme);
        captured.body != before && signs_body(scheme) && !any_order && fields.len() > 1
    });
    refused(50, &outcomes);
}

#[test]
fn stale_and_future() {
    const YEAR: Duration = Duration::from_secs(366 * 86_400);
    for (change, code) in [
        (YEAR, "timestamp_too_old"),
        (Duration::ZERO, "timestamp_in_future"),
    ] {
        let mut timed = 0;
        for (scheme, vector) in accepted() {
            let verifier = build(&scheme, vector.settings()).unwrap();
            let captured = vector.captured();
            let now = if change > Duration::ZERO {
                vector.now() + change
            } else {
                vector.now() - YEAR
            };
            let outcome = verifier.verify(&captured.request(), now);
            let found = outcome.err().map(|rejection| rejection.code());
            let label = format!("{scheme}: {}", vector.name);
            let ends = ["apple", "plaid"].contains(&scheme.as_str());
            if verifier.checks_time() {
                timed += 1;
                // A key or a certificate may have expired by then.
                let ended = ends && found == Some("untrusted_key");
                assert!(found == Some(code) || ended, "{label}: {found:?}");
            } else {
                assert!(found.is_none() || ends, "{label}: {found:?}");
            }
        }
        assert!(timed > 40, "{timed}");
    }
}

#[test]
fn wrong_secret() {
    let outcomes = after(|scheme, _, settings, _| {
        let first = settings.secrets.first().map(|given| &given.secret);
        let replaced = match first {
            None => return false,
            // Any 32 bytes will do.
            Some(first) if first.expose().starts_with(b"whpk_") => {
                let key = SignatureEncoding::Base64.encode(&[7; 32]);
                Secret::new(format!("whpk_{key}"))
            }
            // A certificate names itself, a key does not.
            Some(_) if scheme == "wechat-pay" && !settings.params.contains_key("serial") => {
                return false;
            }
            Some(_) if secret(scheme).is_none() => strangers_key(scheme),
            Some(_) => Secret::new(&b"00ff00ff"[..]),
        };
        for given in &mut settings.secrets {
            given.secret = replaced.clone();
        }
        true
    });
    refused(70, &outcomes);
    for scheme in [
        "apple: ",
        "wechat-pay: ",
        "wise: ",
        "paypal: ",
        "plaid: ",
        "standard-webhooks: ",
    ] {
        assert!(outcomes.iter().any(|(label, _)| label.starts_with(scheme)));
    }
}

/// A public key that no vector is signed with.
fn strangers_key(scheme: &str) -> Secret {
    let (label, key) = match scheme {
        "apple" => {
            let key = rcgen::KeyPair::generate().unwrap();
            let root = rcgen::CertificateParams::default().self_signed(&key);
            ("CERTIFICATE", root.unwrap().der().to_vec())
        }
        "plaid" => {
            let key = rcgen::KeyPair::generate().unwrap();
            ("PUBLIC KEY", key.subject_public_key_info())
        }
        _ => {
            let key = RsaKeyPair::from_pkcs8(&fetched::signer()).unwrap();
            ("RSA PUBLIC KEY", key.public().as_ref().to_vec())
        }
    };
    let key = SignatureEncoding::Base64.encode(&key);
    let pem = format!("-----BEGIN {label}-----\n{key}\n-----END {label}-----\n");
    Secret::new(pem)
}

#[test]
fn wrong_case() {
    let outcomes = after(|scheme, captured, _, _| {
        let Some(name) = signature_header(scheme, captured) else {
            return false;
        };
        let text = captured.headers[&name].to_str().unwrap().to_owned();
        // Only the value changes: the names of pairs and versions stay.
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
        // PayU's header ends with another pair.
        let several = text.contains(' ')
            || scheme == "payu"
            || text.matches("v1:").count() > 1
            || text.matches("v1=").count() > 1
            || text.matches("h1=").count() > 1;
        captured
            .headers
            .insert(name, format!("{head}{swapped}").parse().unwrap());
        swapped != tail && !several && signs_body(scheme)
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
    let in_body = after(|scheme, captured, _, _| {
        captured.body = Bytes::from_static(b"\xff\xfe{}");
        let has_body = captured.method == http::Method::POST;
        has_body && signs_body(scheme) || scheme == "mollie-classic"
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
        // Mollie's header may come several times.
        scheme != "mollie"
    });
    for (label, code) in &outcomes {
        assert_eq!(*code, Some("repeated_header"), "{label}");
    }
    assert!(outcomes.len() > 60);
}
