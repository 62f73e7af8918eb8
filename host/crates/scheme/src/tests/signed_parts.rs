//! What tells events apart where parts of a request are signed: no fact is lost, and a request that
//! is cut otherwise is a duplicate.

use sha2::{Digest as _, Sha256};

use super::template_signed::{hmac256, posted};
use super::*;
use tollgate_base::event::DedupBasis;

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn nuvei() -> Verifier {
    verifier("nuvei", &["s3cret"])
}

/// The event of a form with this field more.
fn dmn(fields: &str, checksum: &str, signed: &str) -> ProviderEvent {
    let body = format!("{fields}&{checksum}={}", sha256(signed));
    events(&nuvei(), &posted(&[], &body)).remove(0)
}

/// Whether the later event is a duplicate of the earlier.
fn is_duplicate(earlier: &ProviderEvent, later: &ProviderEvent) -> bool {
    let keys = |event: &ProviderEvent| {
        let more = event.more_dedup.iter().cloned();
        std::iter::once(event.dedup.clone())
            .chain(more)
            .collect::<Vec<_>>()
    };
    let known = keys(earlier);
    keys(later).iter().any(|key| known.contains(key))
}

#[test]
fn a_dmn_whose_fields_are_cut_otherwise_is_a_duplicate() {
    let signed = "subscription55ACTIVEs3cret";
    let of = |fields: &str| dmn(fields, "responsechecksum", signed);
    let first = of("dmnType=subscription&subscriptionId=55&subscriptionState=ACTIVE");
    for cut in [
        "dmnType=subscription&subscriptionId=5&subscriptionState=5ACTIVE",
        "dmnType=subscription&planId=55&subscriptionState=ACTIVE",
        "dmnType=subscription&TransactionID=55&subscriptionState=ACTIVE",
        "x=subscription55&TransactionID=ACTIVE",
    ] {
        let cut = of(cut);
        assert!(is_duplicate(&first, &cut), "{:?}", cut.dedup);
    }
    let other = dmn(
        "dmnType=subscription&subscriptionId=56&subscriptionState=ACTIVE",
        "responsechecksum",
        "subscription56ACTIVEs3cret",
    );
    assert!(!is_duplicate(&first, &other));
}

#[test]
fn dmns_without_a_signed_value_are_not_one_event() {
    let of = |fields: &str| dmn(fields, "advanceResponseChecksum", "s3cret");
    let facts = [
        "dmnType=subscription&subscriptionId=5&subscriptionState=ACTIVE",
        "dmnType=subscription&subscriptionId=5&subscriptionState=CANCELED",
        "dmnType=subscription&subscriptionId=6&subscriptionState=ACTIVE",
        "dmnType=subscription&subscriptionId=6&subscriptionState=ACTIVE&TransactionID=T",
        "dmnType=subscription&subscriptionId=6&subscriptionState=ENDED&TransactionID=T",
    ];
    for (at, first) in facts.iter().enumerate() {
        for second in &facts[at + 1..] {
            let (first, second) = (of(first), of(second));
            assert!(!is_duplicate(&first, &second), "{second:?}");
        }
        assert!(is_duplicate(&of(first), &of(first)));
        let bytes = of(first).equal_bytes;
        assert!(matches!(bytes, EqualBytes::DuplicateWithin(_)), "{bytes:?}");
    }
    assert!(nuvei().told_by_hash());
}

#[test]
fn dmns_that_sign_little_and_have_no_id_are_told_apart_by_their_bytes() {
    let of = |fields: &str| dmn(fields, "advanceResponseChecksum", "s3cretA-17");
    let first = of("productId=A-17&subscriptionId=5&subscriptionState=ACTIVE");
    let second = of("productId=A-17&subscriptionId=5&subscriptionState=CANCELED");
    assert!(!is_duplicate(&first, &second));
    // With an id the id counts, whatever else is not signed.
    let with_id = |more: &str| of(&format!("productId=A-17&TransactionID=T{more}"));
    assert!(is_duplicate(&with_id(""), &with_id("&email=a")));
}

#[test]
fn a_charge_may_have_one_status_twice() {
    let tap = verifier("tap", &["s3cret"]);
    let of = |amount: &str, signed: &str, created: u64| {
        let body = format!(
            r#"{{"id":"chg_1","amount":{amount},"currency":"SAR","status":"CAPTURED","created":{created}}}"#
        );
        let text = format!(
            "x_idchg_1x_amount{signed}x_currencySARx_gateway_referencex_payment_referencex_statusCAPTUREDx_created{created}"
        );
        let captured = posted(&[("hashstring", &hmac256(&text))], &body);
        events(&tap, &captured).remove(0)
    };
    let first = of("1", "1.00", 1);
    assert!(!is_duplicate(&first, &of("2", "2.00", 1)));
    assert!(!is_duplicate(&first, &of("1", "1.00", 2)));
    // The same signed text in other bytes.
    assert!(is_duplicate(&first, &of("1.0", "1.00", 1)));
}

#[test]
fn no_key_is_coarser_than_what_is_signed() {
    for (scheme, first, second) in [
        (
            "payu",
            r#"{"order":{"orderId":"E","status":"COMPLETED","totalAmount":"1"}}"#,
            r#"{"order":{"orderId":"E","status":"COMPLETED","totalAmount":"2"}}"#,
        ),
        (
            "dlocal",
            r#"{"id":"D","status":"PAID","amount":1.00}"#,
            r#"{"id":"D","status":"PAID","amount":2.00}"#,
        ),
        (
            "midtrans-iris",
            r#"{"reference_no":"E","status":"a","amount":"1"}"#,
            r#"{"reference_no":"E","status":"a","amount":"2"}"#,
        ),
        (
            "flutterwave-v3",
            r#"{"event":"charge.completed","data":{"id":7,"status":"successful","amount":1}}"#,
            r#"{"event":"charge.completed","data":{"id":7,"status":"successful","amount":2}}"#,
        ),
        (
            "przelewy24",
            r#"{"merchantId":1,"posId":1,"sessionId":"S","amount":1,"originAmount":1,"currency":"PLN","orderId":2,"methodId":3,"statement":"x"}"#,
            r#"{"merchantId":1,"posId":1,"sessionId":"S","amount":2,"originAmount":1,"currency":"PLN","orderId":2,"methodId":3,"statement":"x"}"#,
        ),
        (
            "wompi",
            r#"{"event":"a","timestamp":1,"data":{"transaction":{"id":"E","status":"APPROVED","amount_in_cents":1}}}"#,
            r#"{"event":"a","timestamp":1,"data":{"transaction":{"id":"E","status":"APPROVED","amount_in_cents":2}}}"#,
        ),
    ] {
        let verifier = verifier(scheme, &["s3cret"]);
        let of = |body: &'static str| events(&verifier, &capture(&verifier, body)).remove(0);
        assert!(!is_duplicate(&of(first), &of(second)), "{scheme}");
        assert!(is_duplicate(&of(first), &of(first)), "{scheme}");
        assert_eq!(of(first).equal_bytes, EqualBytes::SameFact, "{scheme}");
    }
}

#[test]
fn a_notification_without_its_reference_is_told_apart_by_its_bytes() {
    let (verifier, captured) = vector("iyzico", "plain");
    let with = |time: &str| {
        let mut captured = captured.clone();
        let text = String::from_utf8(captured.body.to_vec()).unwrap();
        let text = text.replace(r#""iyziReferenceCode":"70eb9bd0","#, "");
        captured.body = text.replace("1760000000000", time).into();
        events(&verifier, &captured).remove(0)
    };
    assert!(!is_duplicate(
        &with("1760000000000"),
        &with("1760000000001")
    ));
    assert!(is_duplicate(&with("1760000000000"), &with("1760000000000")));
}

#[test]
fn an_unsigned_id_inside_the_bytes_promises_no_mark() {
    for (scheme, from, to) in [
        (
            "midtrans",
            r#""fraud_status":"accept""#,
            r#""fraud_status":"deny""#,
        ),
        ("mercado-pago", r#""id":123456"#, r#""id":123457"#),
    ] {
        let (verifier, captured) = vector(scheme, "plain");
        let first = events(&verifier, &captured).remove(0);
        let mut changed = captured.clone();
        let text = String::from_utf8(captured.body.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        changed.body = text.replace(from, to).into();
        let second = events(&verifier, &changed).remove(0);
        assert_ne!(first.dedup, second.dedup, "{scheme}");
        assert_eq!(first.equal_bytes, EqualBytes::SameFact, "{scheme}");
        let warnings = verifier.warnings().join("\n");
        assert!(!warnings.contains("same_bytes_as"), "{scheme}: {warnings}");
        assert!(warnings.contains("nothing marks"), "{scheme}: {warnings}");
        let settings = Settings {
            secrets: vec![Secret::new("s").into()],
            dedup_by: Some(DedupChoice::Bytes),
            ..Settings::default()
        };
        let refused = build(scheme, settings).unwrap_err();
        assert_eq!(refused[0].setting, Setting::Dedup, "{scheme}");
    }
}

#[test]
fn an_amount_that_is_no_number_is_not_called_absent() {
    let tap = verifier("tap", &["s3cret"]);
    let why = |amount: &str| {
        let body = format!(
            r#"{{"id":"c","amount":{amount},"currency":"SAR","status":"CAPTURED","created":1}}"#
        );
        let captured = posted(&[("hashstring", &sha256("x"))], &body);
        tap.verify(&captured.request(), NOW).unwrap_err()
    };
    for amount in ["\"abc\"", "1e400", "\"\"", "true"] {
        let why = why(amount);
        assert_eq!(why.code(), "malformed_body", "{amount}");
        let text = why.to_string();
        assert!(text.contains("`/amount` is there"), "{amount}: {text}");
    }
    assert_eq!(why("null").code(), "missing_field");
}

#[test]
fn the_pages_say_what_a_captured_request_is_good_for() {
    let identity = page_identity(&BTreeMap::new());
    let row = |scheme: &str| {
        let link = format!("({scheme}.md)");
        let mut lines = identity.lines();
        lines.find(|line| line.contains(&link)).unwrap().to_owned()
    };
    for (scheme, words) in [
        (
            "nuvei",
            "under another `TransactionID`, which is not signed: another event",
        ),
        (
            "iyzico",
            "under another `/iyziReferenceCode`, which is not signed: another event",
        ),
        (
            "fawry",
            "with anything changed that is not signed: another event at once",
        ),
        (
            "midtrans",
            "with anything changed that is not signed: another event, which nothing marks",
        ),
        (
            "mercado-pago",
            "send it again, with any body: a duplicate for good",
        ),
        ("mercado-pago", "for good, or 35 d with `tolerance`"),
    ] {
        assert!(row(scheme).contains(words), "{}", row(scheme));
    }
    for scheme in ["midtrans", "mercado-pago"] {
        assert!(
            !row(scheme).contains("equal bytes under another id"),
            "{scheme}"
        );
    }
}

#[test]
fn a_page_says_whether_tollgate_can_sign() {
    for page in pages() {
        let says_so = page
            .markdown()
            .contains("only the provider has the private key");
        let is_own = secret(page.name()).is_none();
        assert_eq!(says_so, is_own, "{}", page.name());
    }
    let sorted = verifier("nuvei", &["s"]).warnings().join("\n");
    assert!(sorted.contains("is not signed"), "{sorted}");
}

#[test]
fn fields_without_the_signed_text_are_needed_as_before() {
    let (verifier, captured) = signed("przelewy24").unwrap();
    let event = events(&verifier, &captured).remove(0);
    assert!(matches!(&event.dedup, DedupBasis::Fields(fields) if fields.len() == 1));
}
