//! Events that are rightly signed and cannot be read are recorded all the same.

use super::*;
use proptest::prelude::*;
use tollgate_base::event::{DedupBasis, UNREADABLE};

/// Bodies that a provider may send one day, each with the reason why no event can be read.
const BODIES: &[(&str, &str)] = &[
    ("", "malformed_body"),
    ("hello", "malformed_body"),
    ("{\"id\":\"evt_1\"", "malformed_body"),
    ("[]", "missing_field"),
    ("null", "missing_field"),
    ("{\"id\":\"evt_1\"}", "missing_field"),
    ("{\"id\":\"evt_1\",\"type\":null}", "missing_field"),
    ("{\"id\":\"evt_1\",\"type\":\"\"}", "missing_field"),
    (
        "{\"id\":\"evt_1\",\"type\":{\"name\":\"a\"}}",
        "missing_field",
    ),
    ("{\"id\":\"evt_1\",\"type\":[\"a\"]}", "missing_field"),
    ("{\"type\":\"a\"}", "missing_field"),
    ("{\"id\":{},\"type\":\"a\"}", "missing_field"),
    ("{\"id\":\"\\ud800\",\"type\":\"a\"}", "malformed_body"),
    ("{\"id\":\"evt_1\",\"type\":\"\\udc00x\"}", "malformed_body"),
    (
        "{\"id\":\"evt_1\",\"type\":\"unreadable\"}",
        "reserved_type",
    ),
];

fn stripe(body: &str, at: WallTime) -> ProviderEvent {
    let verifier = verifier("stripe", &["s"]);
    let unsigned = UnsignedRequest {
        body: body.to_owned().into(),
        ..UnsignedRequest::default()
    };
    let signed = verifier.sign(0, unsigned, at).unwrap();
    let captured = Captured {
        method: http::Method::POST,
        url: "/hook".to_owned(),
        headers: signed.headers,
        body: signed.body,
    };
    let accepted = verifier.verify(&captured.request(), at).unwrap();
    accepted.events.into_inner().remove(0)
}

#[test]
fn what_cannot_be_read_is_an_event_of_its_own_type() {
    for (body, code) in BODIES {
        let event = stripe(body, NOW);
        assert_eq!(event.kind, UNREADABLE, "{body}");
        assert_eq!(event.unreadable.as_ref().unwrap().code(), *code, "{body}");
        assert_eq!(event.payload, body.as_bytes(), "{body}");
        assert_eq!(event.dedup, stripe(body, NOW).dedup, "{body}");
        // The signed time belongs to the key: equal bytes may be two facts.
        assert_ne!(event.dedup, stripe(body, NOW + ms(1000)).dedup, "{body}");
    }
}

#[test]
fn an_optional_field_that_cannot_be_read_takes_nothing_else_with_it() {
    for created in ["\"\\ud800\"", "\"soon\"", "{}", "1e999", "-5", "true", "[]"] {
        let body = format!(
            r#"{{"id":"evt_1","type":"a","created":{created},"account":{created},"data":{{"object":{{"id":"\udfff"}}}}}}"#
        );
        let event = stripe(&body, NOW);
        assert_eq!((event.kind.as_str(), event.created), ("a", None), "{body}");
        assert_eq!(event.dedup, DedupBasis::SignedId("evt_1".to_owned()));
        assert_eq!(event.subject, None, "{body}");
    }
}

#[test]
fn an_id_may_be_a_number_as_it_is_written() {
    for id in [
        "12345",
        "9007199254740993",
        "0",
        "-1",
        "10.00",
        "1e3",
        "true",
    ] {
        let event = stripe(&format!(r#"{{"id":{id},"type":7}}"#), NOW);
        assert_eq!(event.provider_id.as_deref(), Some(id));
        assert_eq!(event.kind, "7");
        assert_eq!(event.dedup, DedupBasis::SignedId(id.to_owned()));
    }
}

#[test]
fn an_item_that_cannot_be_read_leaves_the_others() {
    let gocardless = verifier("gocardless", &["s"]);
    let body = r#"{"events":[{"id":"E1","resource_type":"a","action":"b"},{"id":"E2"},7,{"id":3,"resource_type":"a","action":"b"}]}"#;
    let events = events(&gocardless, &capture(&gocardless, body));
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["a.b", UNREADABLE, UNREADABLE, "a.b"]);
    assert_eq!(events[1].payload, &br#"{"id":"E2"}"#[..]);
    assert_ne!(events[1].dedup, events[2].dedup);
    let why = events[1].unreadable.as_ref().unwrap().to_string();
    assert!(why.starts_with("item 1 of the batch"), "{why}");
    assert_eq!(events[3].provider_id.as_deref(), Some("3"));
}

#[test]
fn a_source_may_refuse_what_cannot_be_read() {
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        on_unreadable: OnUnreadable::Refuse,
        ..Settings::default()
    };
    let verifier = build("stripe", settings).unwrap();
    let refused = verifier.verify(&capture(&verifier, "{}").request(), NOW);
    assert_eq!(refused.unwrap_err().code(), "missing_field");
    let fine = capture(&verifier, r#"{"id":"e","type":"a"}"#);
    assert!(verifier.verify(&fine.request(), NOW).is_ok());
}

#[test]
fn an_event_may_say_that_it_is_of_test_mode() {
    let live = |scheme: &str, body: &'static str, headers: &[(&'static str, &str)]| {
        let verifier = verifier(scheme, &["s"]);
        let captured = capture_with(&verifier, body, headers);
        events(&verifier, &captured).remove(0).live
    };
    let stripe = |body| live("stripe", body, &[]);
    assert_eq!(
        stripe(r#"{"id":"e","type":"a","livemode":true}"#),
        Some(true)
    );
    assert_eq!(
        stripe(r#"{"id":"e","type":"a","livemode":false}"#),
        Some(false)
    );
    assert_eq!(stripe(r#"{"id":"e","type":"a"}"#), None);
    assert_eq!(stripe(r#"{"id":"e","type":"a","livemode":"maybe"}"#), None);
    let square = |environment| {
        let headers = [("square-environment", environment)];
        live("square", r#"{"event_id":"e","type":"a"}"#, &headers)
    };
    assert_eq!(
        [square("Production"), square("Sandbox")],
        [Some(true), Some(false)]
    );
    let topic = ("x-shopify-topic", "orders/create");
    assert_eq!(
        live("shopify", "{}", &[topic, ("x-shopify-test", "true")]),
        Some(false)
    );
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        livemode: Some(true),
        ..Settings::default()
    };
    assert!(build("stripe", settings.clone()).is_ok());
    let errors = build("github", settings).unwrap_err();
    assert_eq!(errors[0].setting, Setting::Livemode);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a provider signs, one event at least is recorded, with its bytes.
    #[test]
    fn whatever_is_rightly_signed_is_recorded(
        body in prop_oneof![".{0,60}", "\\{(\"(id|type|events|created)\":(\"[a-z\\\\]{0,5}\"|[0-9]{1,20}|null|\\[\\]|\\{\\}),?){0,5}\\}"],
    ) {
        for scheme in names() {
            let Some(secrets) = secret(scheme) else { continue };
            let reads_more = ["mollie-classic", "toss-unsigned", "twilio"].contains(&scheme);
            if reads_more || SIGNED_IN_BODY.contains(&scheme) { continue }
            let verifier = verifier(scheme, secrets);
            let captured = capture(&verifier, body.clone());
            let accepted = verifier.verify(&captured.request(), NOW);
            let accepted = accepted.unwrap_or_else(|why| panic!("{scheme}: {body}: {why}"));
            let events = accepted.events.into_inner();
            prop_assert!(scheme == "gocardless" || events.len() == 1);
            for event in events {
                prop_assert_eq!(event.kind == UNREADABLE, event.unreadable.is_some());
            }
        }
    }
}
