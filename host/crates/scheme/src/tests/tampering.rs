//! Changes of one byte of a body: the request is refused, or the byte is not signed, and then the
//! events and their keys are the same.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use tollgate_base::event::DedupBasis;
use tollgate_base::time::WallTime;

/// Every request that official libraries accept, with its verifier.
static REQUESTS: LazyLock<Vec<(String, Verifier, Captured, WallTime)>> = LazyLock::new(|| {
    let vectors = all().into_iter().flat_map(|(scheme, vectors)| {
        let good = vectors.into_iter().filter(Vector::is_accepted);
        good.map(move |vector| {
            let label = format!("{scheme}: {}", vector.name);
            let verifier = build(&scheme, vector.settings()).unwrap();
            (label, verifier, vector.captured(), vector.now())
        })
    });
    vectors.collect()
});

/// The identities of a request's events and the fields that routes use. The time, which Adyen does
/// not sign, and the bytes are left out.
type Identity = Vec<(
    Vec<DedupBasis>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
)>;

fn identity(verifier: &Verifier, captured: &Captured, now: WallTime) -> Option<Identity> {
    let accepted = verifier.verify(&captured.request(), now).ok()?;
    let events = accepted.events.into_inner().into_iter();
    let of_event = |event: ProviderEvent| {
        let keys = std::iter::once(event.dedup)
            .chain(event.more_dedup)
            .collect();
        let ProviderEvent {
            kind,
            provider_id,
            subject,
            account,
            ..
        } = event;
        (keys, kind, provider_id, subject, account)
    };
    Some(events.map(of_event).collect())
}

/// The part of a body that its signature covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signed {
    Whole,
    /// Some values or texts of the body.
    Parts,
    Nothing,
}

fn signed_part(verifier: &Verifier, captured: &Captured) -> Signed {
    match verifier.scheme() {
        "mollie-classic" | "toss-unsigned" => Signed::Nothing,
        // The vectors show which values can be changed and which cannot.
        scheme if SIGNED_IN_PART.contains(&scheme) => Signed::Nothing,
        scheme if SENDS_SECRET.contains(&scheme) => Signed::Nothing,
        scheme if SIGNED_IN_BODY.contains(&scheme) => Signed::Parts,
        // The fields of a form are signed in another order, any other body by its hash.
        "twilio" if form::is_form(&captured.headers) => Signed::Parts,
        _ => Signed::Whole,
    }
}

/// Any byte, with more of the bytes that have a meaning in a form, JSON, XML or Adyen's text.
fn byte() -> impl Strategy<Value = u8> {
    let meaning = select(b"=&%+:\"\\{}[],|<>/ \n07aA".to_vec());
    prop_oneof![any::<u8>(), meaning]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_one_byte_change_of_a_body_is_refused_or_changes_nothing(at: Index, to in byte()) {
        for (label, verifier, captured, now) in REQUESTS.iter() {
            let part = signed_part(verifier, captured);
            let mut body = captured.body.to_vec();
            if part == Signed::Nothing || body.is_empty() {
                continue;
            }
            let at = at.index(body.len());
            if body[at] == to {
                continue;
            }
            body[at] = to;
            let changed = Captured { body: body.into(), ..captured.clone() };
            let found = identity(verifier, &changed, *now);
            match part {
                Signed::Whole => prop_assert_eq!(found, None, "{}: byte {}", label, at),
                _ if found.is_none() => {}
                _ => {
                    let before = identity(verifier, captured, *now);
                    prop_assert_eq!(found, before, "{}: byte {} to {:?}", label, at, char::from(to));
                }
            }
        }
    }

    #[test]
    fn any_one_byte_change_of_an_adyen_batch_is_refused_or_changes_nothing(
        items in prop::collection::vec(("[A-Z0-9]{1,16}", "[A-Za-z0-9:_ -]{0,12}", any::<i64>(), any::<bool>()), 1..4),
        at: Index,
        to in byte(),
    ) {
        let items: Vec<_> = items.into_iter().map(|(psp, reference, value, success)| {
            serde_json::json!({ "NotificationRequestItem": {
                "pspReference": psp, "merchantReference": reference, "eventCode": "AUTHORISATION",
                "merchantAccountCode": "Shop", "success": success.to_string(),
                "amount": { "value": value, "currency": "EUR" },
                "eventDate": "2025-10-09T08:53:20Z", "reason": "unsigned:text",
            } })
        }).collect();
        let verifier = verifier("adyen", secret("adyen").unwrap());
        let body = serde_json::json!({ "live": "false", "notificationItems": items }).to_string();
        let captured = capture(&verifier, body);
        let before = identity(&verifier, &captured, NOW);
        prop_assert!(before.is_some());
        let mut body = captured.body.to_vec();
        let at = at.index(body.len());
        body[at] = to;
        let changed = Captured { body: body.into(), ..captured };
        let found = identity(&verifier, &changed, NOW);
        prop_assert!(found.is_none() || found == before, "{:?}", changed.body);
    }
}

/// Twilio signs names and values run together: `CallStatus` and `ringing` are signed as
/// `CallS` and `tatusringing` are.
#[test]
fn a_twilio_form_that_is_cut_otherwise_is_a_duplicate() {
    let (verifier, captured) = signed("twilio").unwrap();
    let captured = capture_with(
        &verifier,
        "CallStatus=ringing",
        &[(
            "content-type",
            captured.headers["content-type"].to_str().unwrap(),
        )],
    );
    let mut cut = captured.clone();
    cut.body = Bytes::from_static(b"CallS=tatusringing");
    let (first, second) = (events(&verifier, &captured), events(&verifier, &cut));
    assert_ne!(first[0].kind, second[0].kind);
    assert_eq!(first[0].dedup, second[0].dedup);
}
