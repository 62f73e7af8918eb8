//! The identity of events, by which duplicates are recognised.

use super::*;
use tollgate_base::event::DedupBasis;

/// The events of two requests that differ in a header alone.
fn under_other_ids(scheme: &str, header: &'static str) -> [ProviderEvent; 2] {
    let (verifier, mut captured) = signed(scheme).unwrap();
    ["first", "second"].map(|id| {
        captured.headers.insert(header, id.parse().unwrap());
        let event = events(&verifier, &captured).remove(0);
        assert_eq!(event.provider_id.as_deref(), Some(id), "{scheme}");
        let recorded = event.headers.iter().find(|(name, _)| *name == header);
        assert_eq!(recorded, Some((header, id)), "{scheme}");
        event
    })
}

#[test]
fn an_unsigned_id_is_no_key_where_the_body_tells_events_apart() {
    let [first, second] = under_other_ids("razorpay", "x-razorpay-event-id");
    assert!(matches!(first.dedup, DedupBasis::Body { .. }));
    assert_eq!(first.dedup, second.dedup);
}

#[test]
fn an_unsigned_id_tells_equal_bytes_apart_and_they_are_marked() {
    for (scheme, header) in [
        ("github", "x-github-delivery"),
        ("shopify", "x-shopify-event-id"),
        ("twilio", "i-twilio-idempotency-token"),
    ] {
        let [first, second] = under_other_ids(scheme, header);
        assert_ne!(first.dedup, second.dedup, "{scheme}");
        let EqualBytes::MarkedWithin { bytes, routed, .. } = &first.equal_bytes else {
            panic!("{scheme}: {:?}", first.equal_bytes);
        };
        assert!(routed, "{scheme}");
        assert!(
            matches!(&second.equal_bytes, EqualBytes::MarkedWithin { bytes: other, .. } if other == bytes),
            "{scheme}"
        );
    }
}

#[test]
fn nobody_takes_the_place_of_another_event_by_its_unsigned_id() {
    let verifier = verifier("shopify", &["s"]);
    let of = |body: &'static str| {
        let headers = [
            ("x-shopify-topic", "shop/redact"),
            ("x-shopify-event-id", "e1"),
        ];
        let captured = capture_with(&verifier, body, &headers);
        events(&verifier, &captured).remove(0).dedup
    };
    assert_ne!(of(r#"{"shop_id":1}"#), of(r#"{"shop_id":2}"#));
    assert_eq!(of(r#"{"shop_id":1}"#), of(r#"{"shop_id":1}"#));
}

#[test]
fn equal_bytes_are_a_duplicate_while_the_provider_resends() {
    let paystack = verifier("paystack", &["s"]);
    let of = |body: &'static str| {
        events(&paystack, &capture(&paystack, body))
            .remove(0)
            .equal_bytes
    };
    let within = EqualBytes::DuplicateWithin(Duration::from_secs(3 * 86_400));
    assert_eq!(
        of(r#"{"event":"subscription.not_renew","data":{"id":1}}"#),
        within
    );
    let paid = r#"{"event":"charge.success","data":{"id":1,"paid_at":"2025-10-09T08:53:20Z"}}"#;
    assert_eq!(of(paid), EqualBytes::SameFact);
    assert!(paystack.told_by_hash());
    assert!(!verifier("stripe", &["s"]).told_by_hash());
}

#[test]
fn the_same_id_with_other_bytes_is_a_duplicate() {
    let verifier = verifier("stripe", &["s"]);
    let basis = |body: &'static str| events(&verifier, &capture(&verifier, body)).remove(0).dedup;
    let first = basis(r#"{"id":"evt_1","type":"a","pending_webhooks":2}"#);
    assert_eq!(
        first,
        basis(r#"{"id":"evt_1","type":"a","pending_webhooks":1}"#)
    );
    assert_eq!(first, DedupBasis::SignedId("evt_1".to_owned()));
    assert_ne!(
        first,
        basis(r#"{"id":"evt_2","type":"a","pending_webhooks":1}"#)
    );
}

#[test]
fn a_twilio_form_in_another_order_is_a_duplicate() {
    let (verifier, form) = vector("twilio", "a form");
    let (_, other) = vector("twilio", "fields in another order");
    assert_ne!(form.body, other.body);
    assert_eq!(
        events(&verifier, &form)[0].dedup,
        events(&verifier, &other)[0].dedup
    );
    let (_, ported) = vector("twilio", "signed with the port");
    assert_eq!(
        events(&verifier, &form)[0].dedup,
        events(&verifier, &ported)[0].dedup
    );
}

#[test]
fn a_braintree_payload_with_a_line_end_more_is_a_duplicate() {
    let (verifier, compact) = vector("braintree", "signed with a line's end that is not sent");
    let mut longer = compact.clone();
    longer.body = [&compact.body[..], b"%0A"].concat().into();
    assert_eq!(
        events(&verifier, &compact)[0].dedup,
        events(&verifier, &longer)[0].dedup
    );
}

#[test]
fn a_paypal_delivery_with_another_body_of_the_same_checksum_is_a_duplicate() {
    let (verifier, captured) = vector("paypal", "plain");
    let wanted = crc32fast::hash(&captured.body);
    let mut forged = captured.clone();
    forged.body = with_checksum(
        br#"{"id":"WH-forged","event_type":"PAYMENT.CAPTURE.COMPLETED","x":""#,
        wanted,
    );
    let (honest, forged) = (
        events(&verifier, &captured).remove(0),
        events(&verifier, &forged).remove(0),
    );
    assert_eq!(
        forged.provider_id.as_deref(),
        Some("WH-forged"),
        "a CRC32 is no MAC"
    );
    assert_eq!(honest.dedup, forged.dedup);
}

#[test]
fn a_paypal_event_that_is_sent_again_by_hand_is_a_duplicate() {
    let (verifier, captured) = vector("paypal", "plain");
    let event = events(&verifier, &captured).remove(0);
    let id = event.provider_id.unwrap();
    assert_eq!(
        event.more_dedup,
        [DedupBasis::Fields(vec!["event".to_owned(), id])]
    );
}

/// JSON that begins so and has this CRC32, found by trying.
fn with_checksum(start: &[u8], wanted: u32) -> Bytes {
    // A CRC is linear: the wanted value is the sum of what single bits change.
    const LETTERS: usize = 64;
    let body = |letters: [bool; LETTERS]| -> Vec<u8> {
        let letters = letters.iter().map(|set| if *set { b'b' } else { b'a' });
        [start, &letters.collect::<Vec<u8>>(), b"\"}"].concat()
    };
    let none = [false; LETTERS];
    let base = crc32fast::hash(&body(none));
    let mut rows: Vec<(u32, u64)> = (0..LETTERS)
        .map(|at| {
            let mut one = none;
            one[at] = true;
            (crc32fast::hash(&body(one)) ^ base, 1 << at)
        })
        .collect();
    let (mut left, mut chosen) = (wanted ^ base, 0_u64);
    for bit in 0..32 {
        let has = |value: u32| value >> bit & 1 == 1;
        let Some(pivot) = rows.iter().position(|(change, _)| has(*change)) else {
            continue;
        };
        let (change, letters) = rows.swap_remove(pivot);
        for row in rows.iter_mut().filter(|row| has(row.0)) {
            *row = (row.0 ^ change, row.1 ^ letters);
        }
        if has(left) {
            (left, chosen) = (left ^ change, chosen ^ letters);
        }
    }
    let forged = body(std::array::from_fn(|at| chosen >> at & 1 == 1));
    assert_eq!(crc32fast::hash(&forged), wanted);
    forged.into()
}

#[test]
fn mollies_classic_webhooks_keep_every_change() {
    let (verifier, captured) = signed("mollie-classic").unwrap();
    let at = |now| {
        verifier
            .verify(&captured.request(), now)
            .unwrap()
            .events
            .into_inner()
            .remove(0)
            .dedup
    };
    assert_ne!(at(NOW), at(NOW + ms(1)));
    assert!(verifier.warnings()[0].contains("not signed"));
}

#[test]
fn a_captured_request_with_another_body_counts_once() {
    let of = |name: &str| {
        let (verifier, captured) = vector("mercado-pago", name);
        events(&verifier, &captured).remove(0)
    };
    let (plain, other) = (of("plain"), of("another body, which is not signed"));
    assert_ne!(plain.dedup, other.dedup);
    assert_eq!(plain.more_dedup, other.more_dedup);
    assert_eq!(plain.more_dedup.len(), 1);
    // Without the request's id two facts of one second may have the same signature.
    assert_eq!(of("without a request id").more_dedup, []);
}

#[test]
fn values_that_are_not_signed_tell_events_apart_beside_those_that_are() {
    let (verifier, captured) = vector("iyzico", "plain");
    let with = |from: &str, to: &str| {
        let mut captured = captured.clone();
        let text = String::from_utf8(captured.body.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        captured.body = text.replace(from, to).into();
        events(&verifier, &captured).remove(0).dedup
    };
    let first = with("70eb9bd0", "70eb9bd0");
    assert_eq!(first, with("\"merchantId\":", "\"merchantid\":"));
    // Two refunds of a payment differ in the reference alone.
    assert_ne!(first, with("70eb9bd0", "70eb9bd9"));
    let (verifier, fawry) = vector("fawry", "plain");
    let (_, resent) = vector("fawry", "another requestId, which is not signed");
    let key = |captured: &Captured| events(&verifier, captured).remove(0);
    assert_eq!(key(&fawry).dedup, key(&resent).dedup);
    assert!(matches!(
        key(&fawry).equal_bytes,
        EqualBytes::DuplicateWithin(_)
    ));
}
