//! PayPal's simulator and its disputes.

use rcgen::PublicKeyData as _;

use super::fetched::{delivery_of, signer};
use super::*;

const URL: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";

/// A source whose secret is the signer's public key.
fn settings() -> Settings {
    let key = rcgen::KeyPair::try_from(signer()).unwrap();
    let key = SignatureEncoding::Base64.encode(&key.subject_public_key_info());
    let key = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
    Settings {
        secrets: vec![Secret::new(key).into()],
        params: params(&[("webhook_id", "W1")]),
        ..Settings::default()
    }
}

#[test]
fn a_request_of_the_simulator_is_named() {
    let body = r#"{"id":"WH-1","event_type":"PAYMENT.SALE.COMPLETED"}"#;
    let make = |settings| build("paypal", settings).ok();
    let said = |captured: &Captured| {
        let verifier = make(settings()).unwrap();
        let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
        let request = captured.request();
        explain(&make, &settings(), &request, NOW, &rejection).join("\n")
    };
    let simulated = said(&delivery_of(URL, "WEBHOOK_ID", body));
    assert!(simulated.contains("a test of the simulator"), "{simulated}");
    let other = said(&delivery_of(URL, "W2", body));
    assert!(!other.contains("simulator"), "{other}");
}

#[test]
fn the_subject_of_a_dispute_is_its_id() {
    let verifier = build("paypal", settings()).unwrap();
    let subject = |body: &str| {
        let captured = delivery_of(URL, "W1", body);
        events(&verifier, &captured).remove(0).subject
    };
    let dispute = r#"{"id":"WH-4M","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"dispute_id":"PP-D-4012","disputed_transactions":[{"buyer_transaction_id":"3BC3"}],"dispute_state":"OPEN_INQUIRIES"}}"#;
    assert_eq!(subject(dispute).as_deref(), Some("PP-D-4012"));
    let capture =
        r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"42311"}}"#;
    assert_eq!(subject(capture).as_deref(), Some("42311"));
}
