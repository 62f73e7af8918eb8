//! Properties that hold for every scheme.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// Every scheme, and a request that it accepts.
static ACCEPTED: LazyLock<Vec<(&str, Verifier, Captured)>> = LazyLock::new(|| {
    names()
        .filter(|scheme| !["mollie-classic", "toss-unsigned"].contains(scheme))
        .map(|scheme| {
            let (verifier, captured) = match signed(scheme) {
                Some(made) => made,
                None => vector(scheme, "plain"),
            };
            (scheme, verifier, captured)
        })
        .collect()
});

/// The headers of a request that its signature covers, or that are the signature.
fn covered(scheme: &str) -> &'static [&'static str] {
    match scheme {
        scheme if SIGNED_IN_BODY.contains(&scheme) => &[],
        "wechat-pay" => &[
            "wechatpay-signature",
            "wechatpay-timestamp",
            "wechatpay-nonce",
            "wechatpay-serial",
        ],
        "standard-webhooks" => &["webhook-id", "webhook-timestamp", "webhook-signature"],
        "svix" => &["svix-id", "svix-timestamp", "svix-signature"],
        "paypal" => &[
            "paypal-transmission-id",
            "paypal-transmission-time",
            "paypal-transmission-sig",
        ],
        "plaid" => &["plaid-verification"],
        "twilio" => &["x-twilio-signature"],
        _ => &[
            "stripe-signature",
            "x-hub-signature-256",
            "x-shopify-hmac-sha256",
            "x-square-hmacsha256-signature",
            "hmacsignature",
            "paddle-signature",
            "x-signature",
            "x-razorpay-signature",
            "x-paystack-signature",
            "flutterwave-signature",
            "verif-hash",
            "x-cc-webhook-signature",
            "webhook-signature",
            "cko-signature",
            "x-mollie-signature",
            "klarna-signature",
            "x-signature-sha256",
        ],
    }
}

/// Whether every byte of the body is signed; Adyen signs some fields alone, Flutterwave's v3 none.
fn signs_whole_body(scheme: &str) -> bool {
    scheme != "twilio" && !SIGNED_IN_BODY.contains(&scheme) && !SENDS_SECRET.contains(&scheme)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_one_byte_change_of_a_signed_body_is_refused(at: Index, to: u8) {
        for (scheme, verifier, captured) in ACCEPTED.iter() {
            let mut captured = captured.clone();
            if !signs_whole_body(scheme) {
                continue;
            }
            let mut body = captured.body.to_vec();
            let at = at.index(body.len());
            prop_assume!(body[at] != to);
            body[at] = to;
            captured.body = body.into();
            prop_assert!(verifier.verify(&captured.request(), NOW).is_err(), "{}", scheme);
        }
    }

    #[test]
    fn any_one_byte_change_of_a_signed_header_is_refused(at: Index, to in 0x21_u8..0x7f) {
        for (scheme, verifier, captured) in ACCEPTED.iter() {
            for name in covered(scheme) {
                let Some(value) = captured.headers.get(*name) else {
                    continue;
                };
                let mut value = value.as_bytes().to_vec();
                let at = at.index(value.len());
                if value[at] == to {
                    continue;
                }
                value[at] = to;
                let mut changed = captured.clone();
                changed.headers.insert(*name, http::HeaderValue::from_bytes(&value).unwrap());
                prop_assert!(verifier.verify(&changed.request(), NOW).is_err(), "{}: {}", scheme, name);
            }
        }
    }

    #[test]
    fn a_cut_or_longer_body_is_refused(keep: Index, more in prop::collection::vec(any::<u8>(), 1..9)) {
        for (scheme, verifier, captured) in ACCEPTED.iter() {
            if !signs_whole_body(scheme) {
                continue;
            }
            let mut cut = captured.clone();
            cut.body = captured.body.slice(..keep.index(captured.body.len()));
            prop_assert!(verifier.verify(&cut.request(), NOW).is_err(), "{}", scheme);
            let mut longer = captured.clone();
            longer.body = [&captured.body[..], &more].concat().into();
            prop_assert!(verifier.verify(&longer.request(), NOW).is_err(), "{}", scheme);
        }
    }

    #[test]
    fn nothing_that_comes_in_makes_a_scheme_panic(
        header in prop::collection::vec(any::<u8>(), 0..200),
        written in "[ -~]{0,80}|(v1a?,[A-Za-z0-9+/=]{0,90} ?){1,4}|t=[0-9_]{0,20},(v1=[0-9a-fA-F]{0,70},?){0,3}|[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,60}){0,3}",
        body in prop::collection::vec(any::<u8>(), 0..300),
        query in "(\\?[ -~]{0,60})?",
        form: bool,
    ) {
        for (scheme, verifier, captured) in ACCEPTED.iter() {
            for value in [&header[..], written.as_bytes()] {
                let Ok(value) = http::HeaderValue::from_bytes(value) else {
                    continue;
                };
                let mut changed = captured.clone();
                changed.headers.values_mut().for_each(|old| *old = value.clone());
                changed.url = format!("/hook{query}");
                if form {
                    changed.headers.insert("content-type", form_type());
                }
                let refused = verifier.verify(&changed.request(), NOW).is_err();
                prop_assert!(refused || SIGNED_IN_BODY.contains(scheme), "{}", scheme);
                changed.body = body.clone().into();
                prop_assert!(verifier.verify(&changed.request(), NOW).is_err(), "{}", scheme);
                verifier.challenge(&Request { method: &http::Method::GET, ..changed.request() }, NOW);
            }
        }
    }

    #[test]
    fn rightly_signed_nonsense_makes_no_scheme_panic(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            select(vec!["{}", "[]", "null", "1", "\"\"", "{\"id\":{\"id\":[]}}", "<a/>", "<notification>", "id=%&id"])
                .prop_map(|text| text.as_bytes().to_vec()),
            "\\{(\"(id|type|events|event|created|data)\":(1e99|null|\"[ -~]{0,9}\"|\\[\\{\\}\\]|\\{\"id\":[0-9]{1,30}\\}),?){0,5}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        for (scheme, verifier, captured) in ACCEPTED.iter() {
            let unsigned = UnsignedRequest { body: text.clone().into(), headers: captured.headers.clone() };
            let Ok(signed) = verifier.sign(0, unsigned, NOW) else {
                continue;
            };
            let request = Request { headers: &signed.headers, body: &signed.body, ..captured.request() };
            if let Ok(accepted) = verifier.verify(&request, NOW) {
                prop_assert!(accepted.events.get().iter().all(|event| !event.kind.is_empty()), "{}", scheme);
            }
        }
    }
}

fn form_type() -> http::HeaderValue {
    http::HeaderValue::from_static("application/x-www-form-urlencoded")
}
