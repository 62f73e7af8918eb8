//! Mistakes of official libraries, each with the request that shows the mistake.

use super::*;

/// A mistake, the scheme and vector that show it, and the outcome: the code of a rejection, or
/// accepted. Other mistakes have separate tests: an empty secret
/// (`an_empty_secret_is_a_mistake_for_every_scheme`), an unknown scheme
/// (`an_unknown_scheme_fails_closed_and_the_nearest_is_named`), ids that are not signed
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
