//! Tests of all schemes, and of the peculiarities of some.

mod amazon_sns;
mod apple;
mod cases;
mod challenge;
mod coded;
mod coverage;
mod expiry;
mod explaining;
mod explaining_proxies;
mod fetched;
mod fetched_by_name;
mod google_play;
mod identity;
mod jws;
mod kinds;
mod memory;
mod pages;
mod paypal;
mod properties;
mod providers;
mod public_key;
mod samples;
mod settings;
mod signed_parts;
mod tampering;
mod template;
mod template_signatures;
mod template_signed;
mod traps;
mod unreadable;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use kinds::{NO_SECRET, SENDS_SECRET, SIGNED_IN_BODY, SIGNED_IN_PART};
use samples::{sample, secret};
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use vectors::{Captured, Vector, all, judges};

/// 2025-10-09T08:53:20Z, when most vectors are checked.
const NOW: WallTime = WallTime::from_millis(1_760_000_000_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The root of the repository.
fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors();
    let root = folders.find(|folder| folder.join("tests/oracles").is_dir());
    root.expect("the package lies in the repository")
}

/// A verifier with these secrets and the other settings that the scheme needs.
fn verifier(scheme: &str, secrets: &[&str]) -> Verifier {
    let (url, params) = match scheme {
        "square" | "twilio" => (Some("https://pay.example.com/hook".to_owned()), vec![]),
        "braintree" => (None, vec![("public_key", "pub")]),
        "dlocal" => (None, vec![("x_login", "login")]),
        "paypal" => (None, vec![("webhook_id", "W1")]),
        _ => (None, vec![]),
    };
    let params = params
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let secrets = secrets
        .iter()
        .map(|secret| Secret::new(secret.as_bytes()).into())
        .collect();
    build(
        scheme,
        Settings {
            secrets,
            url,
            params,
            ..Settings::default()
        },
    )
    .expect("good settings")
}

/// A request of a scheme with a shared secret, signed at [`NOW`].
fn signed(scheme: &str) -> Option<(Verifier, Captured)> {
    let verifier = verifier(scheme, secret(scheme)?);
    let (body, given) = sample(scheme);
    let captured = capture_with(&verifier, body, &given);
    Some((verifier, captured))
}

/// The request that delivers a body, signed at [`NOW`] with the first secret.
fn capture(verifier: &Verifier, body: impl Into<Bytes>) -> Captured {
    capture_with(verifier, body, &[])
}

/// Like [`capture`], with headers that the scheme reads.
fn capture_with(
    verifier: &Verifier,
    body: impl Into<Bytes>,
    headers: &[(&'static str, &str)],
) -> Captured {
    let mut unsigned = UnsignedRequest {
        body: body.into(),
        ..UnsignedRequest::default()
    };
    for (name, value) in headers {
        unsigned.headers.insert(*name, value.parse().unwrap());
    }
    let signed = verifier
        .sign(0, unsigned, NOW)
        .unwrap_or_else(|error| panic!("{}: {error}", verifier.scheme()));
    let query = signed.query.map(|query| format!("?{query}"));
    Captured {
        method: http::Method::POST,
        url: format!("/hook{}", query.unwrap_or_default()),
        headers: signed.headers,
        body: signed.body,
    }
}

fn events(verifier: &Verifier, captured: &Captured) -> Vec<ProviderEvent> {
    verifier
        .verify(&captured.request(), NOW)
        .expect("accepted")
        .events
        .into_inner()
}

#[test]
fn what_is_signed_is_accepted_by_every_scheme() {
    let mut signable = 0;
    for scheme in names() {
        let Some((verifier, captured)) = signed(scheme) else {
            let verifier = all()
                .into_iter()
                .find(|(name, _)| name == scheme)
                .expect("vectors");
            let settings = verifier.1[0].settings();
            let outcome = build(scheme, settings)
                .unwrap()
                .sign(0, UnsignedRequest::default(), NOW);
            assert_eq!(outcome.unwrap_err(), SignError::NotShared, "{scheme}");
            continue;
        };
        signable += 1;
        let outcome = verifier.verify(&captured.request(), NOW);
        assert_eq!(
            outcome
                .unwrap_or_else(|why| panic!("{scheme}: {why}"))
                .events
                .get()
                .len(),
            1
        );
        assert_eq!(verifier.scheme(), scheme);
    }
    assert!(signable > 20, "{signable}");
}

#[test]
fn every_built_in_scheme_has_vectors() {
    let covered: Vec<String> = all().into_iter().map(|(scheme, _)| scheme).collect();
    for scheme in names() {
        assert!(covered.iter().any(|name| name == scheme), "{scheme}");
    }
}

#[test]
fn neither_debug_nor_a_rejection_holds_a_secret() {
    for (scheme, vectors) in all() {
        for vector in &vectors {
            let verifier = build(&scheme, vector.settings()).unwrap();
            let debug = format!("{verifier:?} {:?}", vector.settings());
            let rejection = verifier
                .verify(&vector.captured().request(), vector.now())
                .err()
                .map(|rejection| format!("{rejection} {rejection:?}"));
            for secret in vector
                .settings()
                .secrets
                .iter()
                .map(|given| &given.secret)
                .filter(|secret| secret.expose().len() > 4)
            {
                let secret = String::from_utf8_lossy(secret.expose()).into_owned();
                assert!(!debug.contains(&secret), "{scheme}: {}", vector.name);
                assert!(
                    !rejection.iter().any(|text| text.contains(&secret)),
                    "{scheme}: {}",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn signatures_and_credentials_are_not_recorded() {
    let mut seen = 0;
    for (scheme, vectors) in all() {
        for vector in vectors.iter().filter(|vector| vector.is_accepted()) {
            let mut captured = vector.captured();
            for name in ["authorization", "cookie", "x-forwarded-for"] {
                if captured.headers.contains_key(name) {
                    continue;
                }
                captured.headers.insert(name, "private".parse().unwrap());
            }
            let verifier = build(&scheme, vector.settings()).unwrap();
            let accepted = verifier.verify(&captured.request(), vector.now()).unwrap();
            for event in accepted.events.into_inner() {
                for (name, value) in event.headers.iter() {
                    seen += 1;
                    assert_ne!(value, "private", "{scheme}: {name}");
                    assert_ne!(name, "authorization", "{scheme}");
                    let signs = ["signature", "hmac", "verif", "transmission-sig"];
                    assert!(
                        !signs.iter().any(|sign| name.contains(sign)),
                        "{scheme}: {name}"
                    );
                    assert_eq!(name, name.to_ascii_lowercase());
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn answers_are_what_each_provider_reads() {
    let answer = |scheme: &str, to| {
        let answer = verifier(scheme, secret(scheme).unwrap()).answer(to);
        (
            answer.status.as_u16(),
            answer.content_type,
            String::from_utf8(answer.body.to_vec()).unwrap(),
        )
    };
    let plain = |status| (status, None, String::new());
    for to in [RequestOutcome::Accepted, RequestOutcome::Duplicate] {
        assert_eq!(answer("stripe", to), plain(200));
        assert_eq!(answer("gocardless", to), plain(204));
        for scheme in ["adyen", "adyen-platform"] {
            let expected = (200, Some("text/plain".to_owned()), "[accepted]".to_owned());
            assert_eq!(answer(scheme, to), expected);
        }
    }
    assert_eq!(answer("stripe", RequestOutcome::Rejected), plain(400));
    assert_eq!(answer("gocardless", RequestOutcome::Rejected), plain(498));
    for scheme in names().filter(|scheme| secret(scheme).is_some()) {
        assert!(
            (200..300).contains(&answer(scheme, RequestOutcome::Accepted).0),
            "{scheme}"
        );
        assert!(
            answer(scheme, RequestOutcome::Rejected).0 >= 400,
            "{scheme}"
        );
    }
}

#[test]
fn braintrees_challenge_is_answered() {
    let verifier = verifier("braintree", &["integration_private_key"]);
    assert_eq!(
        verifier.methods(),
        [http::Method::POST],
        "a GET delivers nothing"
    );
    let headers = http::HeaderMap::new();
    let ask = |method: &http::Method, url: &str| {
        let request = Request {
            method,
            url,
            headers: &headers,
            body: &Bytes::new(),
        };
        verifier.challenge(&request, NOW)
    };
    let answer = ask(
        &http::Method::GET,
        "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
    )
    .unwrap();
    // From Braintree's own library, with this private key.
    assert_eq!(answer.body, "pub|d9b899556c966b3f06945ec21311865d35df3ce4");
    assert_eq!(answer.content_type.as_deref(), Some("text/plain"));
    for url in [
        "/hook",
        "/hook?bt_challenge=",
        "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a5g",
        "/hook?bt_challenge=20F9F8ED05F77439FE955C977E4C8A53",
        "/hook?bt_challenge=20f9f8ed05f77439fe9",
        "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a5320",
        "/hook?x=20f9f8ed05f77439fe955c977e4c8a53",
    ] {
        assert_eq!(ask(&http::Method::GET, url), None, "{url}");
    }
    assert_eq!(
        ask(
            &http::Method::POST,
            "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"
        ),
        None
    );
}

/// The accepted vector of a scheme by its name.
fn vector(scheme: &str, name: &str) -> (Verifier, Captured) {
    let (_, vectors) = all()
        .into_iter()
        .find(|(known, _)| known == scheme)
        .unwrap();
    let vector: Vector = vectors
        .into_iter()
        .find(|vector| vector.name == name)
        .unwrap();
    (build(scheme, vector.settings()).unwrap(), vector.captured())
}

#[test]
fn schemes_say_how_weakly_they_protect() {
    let warnings = |scheme: &str| {
        verifier(scheme, secret(scheme).unwrap())
            .warnings()
            .join("\n")
    };
    assert_eq!(warnings("stripe"), "");
    assert_eq!(warnings("standard-webhooks"), "");
    assert!(warnings("github").contains("no timestamp"));
    assert!(warnings("github").contains("id (`header:x-github-delivery`) is not signed"));
    assert!(warnings("shopify").contains("type (`header:x-shopify-topic`) is not signed"));
    assert!(warnings("flutterwave-v3").contains("nothing protects the body"));
    assert!(warnings("adyen").contains("eight fields"));
}

#[test]
fn a_secret_may_be_written_with_its_version() {
    let verifier = verifier("standard-webhooks", &["whsec_c2VjcmV0"]);
    let captured = capture(&verifier, r#"{"type":"send_email"}"#);
    for scheme in ["standard-webhooks", "svix"] {
        for (secret, accepted) in [("v1,whsec_c2VjcmV0", true), ("v1,whsec_AAAA", false)] {
            let other = self::verifier(scheme, &[secret]);
            let outcome = other.verify(&captured.request(), NOW);
            assert_eq!(outcome.is_ok(), accepted, "{scheme}: {secret}");
        }
    }
}

#[test]
fn a_batch_keeps_each_items_bytes() {
    let (verifier, captured) = vector("gocardless", "plain");
    let events = events(&verifier, &captured);
    let whole =
        captured.body.as_ptr() as usize..captured.body.as_ptr() as usize + captured.body.len();
    assert_eq!(events.len(), 2);
    for event in events {
        assert!(
            whole.contains(&(event.payload.as_ptr() as usize)),
            "a slice, not a copy"
        );
        assert!(event.payload.starts_with(b"{") && event.payload.ends_with(b"}"));
    }
}

#[test]
fn the_events_time_is_not_needed() {
    let verifier = verifier("stripe", &["s"]);
    for created in ["null", "\"yesterday\"", "{}", "-1", "1e300"] {
        let body = format!(r#"{{"id":"e","type":"a","created":{created}}}"#);
        let captured = capture(&verifier, body);
        assert_eq!(events(&verifier, &captured)[0].created, None, "{created}");
    }
}

/// Further settings, for tests that build a scheme themselves.
fn params(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_captured_request_stays_good_exactly_where_no_time_is_checked() {
    const MONTHS: Duration = Duration::from_secs(100 * 86_400);
    for (scheme, vectors) in all() {
        let mut good = 0;
        for vector in &vectors {
            let verifier = build(&scheme, vector.settings()).unwrap();
            let captured = vector.captured();
            let outcome = |now| verifier.verify(&captured.request(), now);
            if outcome(vector.now()).is_ok() {
                let later = outcome(vector.now() + MONTHS);
                // Apple's certificate may have ended by then.
                let ended = scheme == "apple" && vector.name.starts_with("a resend");
                let stays_good = later.is_ok() || ended;
                assert_eq!(stays_good, !verifier.checks_time(), "{scheme}");
                good += 1;
            }
        }
        assert!(good > 0, "{scheme} has no good vector");
    }
}

#[test]
fn a_captured_twilio_request_can_be_signed_anew() {
    let verifier = verifier("twilio", secret("twilio").unwrap());
    let (body, mut headers) = sample("twilio");
    headers.push((
        "x-twilio-webhooks-signature-settings",
        "key=k,algorithm=HMAC_SHA256",
    ));
    let signed = capture_with(&verifier, body, &headers);
    verifier.verify(&signed.request(), NOW).unwrap();
}
