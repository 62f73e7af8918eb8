//! Adyen's standard webhooks: a batch in which each item holds its own signature.
//!
//! Only eight fields of an item are signed. An attacker on the way can change the others
//! (`additionalData`, `reason`), so a handler must not trust them with money.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::answer::{Answer, RequestOutcome};
use crate::encoding::SignatureEncoding;
use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::key::{Algorithm, Key, KeyEncoding, decode};
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest};
use crate::time;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use crate::warnings;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::time::WallTime;

/// The signed fields, in the order in which they are signed.
const SIGNED: [&str; 8] = [
    "/NotificationRequestItem/pspReference",
    "/NotificationRequestItem/originalReference",
    "/NotificationRequestItem/merchantAccountCode",
    "/NotificationRequestItem/merchantReference",
    "/NotificationRequestItem/amount/value",
    "/NotificationRequestItem/amount/currency",
    "/NotificationRequestItem/eventCode",
    "/NotificationRequestItem/success",
];
const SIGNATURE: &str = "/NotificationRequestItem/additionalData/hmacSignature";
/// The signature's place in messages.
const PLACE: &str = "additionalData.hmacSignature";
const DATE: &str = "/NotificationRequestItem/eventDate";

/// So many of the signed fields may hold a colon, although colons separate the fields. A report
/// that
/// was asked for by hand has colons in its `pspReference`, and a merchant may write them into the
/// `merchantReference`. The fields after these cannot change if the signed text is split otherwise.
const WITH_COLONS: usize = 4;

/// Whether a webhook is of live mode. The flag is not signed.
const LIVE: &str = "/live";

struct Adyen {
    keys: KeyRing<Key>,
    pointers: PointerSet,
    live: PointerSet,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let algorithm = Algorithm::HmacSha256;
    let keys =
        reader.keys(|secret| Key::new(algorithm, &decode(secret, KeyEncoding::Hex, algorithm)?));
    let mut pointers = SIGNED.to_vec();
    pointers.extend([SIGNATURE, DATE]);
    let pointers = PointerSet::new(&pointers).expect("they are pointers");
    let live = PointerSet::new(&[LIVE]).expect("it is a pointer");
    let scheme = reader.finish(Some(Adyen {
        keys,
        pointers,
        live,
    }))?;
    Ok(Box::new(scheme))
}

impl Scheme for Adyen {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let items = json::items(request.body, "/notificationItems")?;
        if items.is_empty() {
            return Err(Rejection::MalformedBody {
                why: "`notificationItems` is empty, so nothing in it is signed".to_owned(),
            });
        }
        let headers = recorded(request.headers, &ALWAYS_RECORDED);
        let live = self.is_live(request.body);
        let mut secret = 0;
        let mut events = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let payload = request.body.slice_ref(item);
            let (matched, fields, date) = self
                .check(&payload, now)
                .map_err(|rejection| rejection.of_item(at))?;
            // While a key is rotated, the batch counts for the oldest key in it.
            secret = secret.max(matched);
            let signed = fields.join(":");
            let read = event(fields, date.as_deref(), live, headers.clone(), &payload);
            let read = read.map_err(|rejection| rejection.of_item(at));
            events.push(ProviderEvent::or_unreadable(
                read,
                || digest_of([signed.as_bytes()]),
                || headers.clone(),
                &payload,
            ));
        }
        Ok((Some(secret), events))
    }

    fn has_mode(&self) -> bool {
        true
    }

    fn answer(&self, outcome: RequestOutcome) -> Answer {
        match outcome {
            RequestOutcome::Accepted | RequestOutcome::Duplicate => {
                Answer::text(http::StatusCode::OK, "[accepted]")
            }
            RequestOutcome::Rejected => Answer::empty(http::StatusCode::BAD_REQUEST),
        }
    }

    fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let key = self.keys.get(secret)?;
        let unsignable = |why: &str| SignError::Unsignable(why.to_owned());
        let mut body: Value = serde_json::from_slice(&unsigned.body)
            .map_err(|error| SignError::Unsignable(format!("the body is no JSON: {error}")))?;
        let items = body
            .pointer_mut("/notificationItems")
            .and_then(Value::as_array_mut)
            .ok_or_else(|| unsignable("the body has no array `notificationItems`"))?;
        for item in items {
            let text = item.to_string();
            let found = json::pluck_borrowed(text.as_bytes(), &signed_pointers())
                .map_err(|error| SignError::Unsignable(error.to_string()))?;
            let fields = signed_fields(&found)
                .map_err(|rejection| SignError::Unsignable(rejection.to_string()))?;
            let mac = key
                .sign(&[fields.join(":").as_bytes()])
                .ok_or(SignError::NotShared)?;
            let inner = item
                .get_mut("NotificationRequestItem")
                .and_then(Value::as_object_mut)
                .ok_or_else(|| unsignable("an item has no `NotificationRequestItem`"))?;
            let extra = inner
                .entry("additionalData")
                .or_insert_with(|| Value::Object(Map::new()));
            let extra = extra
                .as_object_mut()
                .ok_or_else(|| unsignable("an item's `additionalData` is no object"))?;
            let text = SignatureEncoding::Base64.encode(&mac);
            extra.insert("hmacSignature".to_owned(), Value::String(text));
        }
        Ok(SignedRequest {
            headers: unsigned.headers,
            body: body.to_string().into(),
            query: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "eight fields of an item are signed: pspReference, originalReference, \
             merchantAccountCode, merchantReference, amount, eventCode and success; do not \
             trust the others"
                .to_owned(),
            warnings::NO_TIMESTAMP.to_owned(),
        ]
    }
}

fn signed_pointers() -> PointerSet {
    PointerSet::new(&SIGNED).expect("they are pointers")
}

/// An item whose signature is valid: the index of the secret, the signed fields and the date.
type CheckedItem = (usize, [String; 8], Option<String>);

impl Adyen {
    /// Whether the webhook says that it is of live mode.
    fn is_live(&self, body: &[u8]) -> Option<bool> {
        let found = json::pluck_borrowed(body, &self.live).ok()?.pop()??;
        match found.as_text()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Checks the signature of an item.
    fn check(&self, payload: &[u8], now: WallTime) -> Result<CheckedItem, Rejection> {
        let mut found = json::pluck_borrowed(payload, &self.pointers)?;
        let date = found.pop().flatten();
        let signature = found.pop().flatten();
        let fields = signed_fields(&found)?;
        let Some(Plucked::Text(text)) = signature else {
            return Err(Rejection::NoKnownSignature {
                place: PLACE.to_owned(),
                wanted: "hmacSignature".to_owned(),
            });
        };
        let signature = SignatureEncoding::Base64
            .decode(&text)
            .map_err(|why| Rejection::malformed_signature(PLACE, why))?;
        let signed = fields.join(":");
        let secret = self.keys.matching(now, 1, |key| {
            key.matches(&[signed.as_bytes()], std::iter::once(&signature[..]))
        })?;
        let date = date.and_then(|date| date.as_text().map(str::to_owned));
        Ok((secret, fields, date))
    }
}

/// The event of an item whose signature is valid.
fn event(
    fields: [String; 8],
    date: Option<&str>,
    live: Option<bool>,
    headers: Headers,
    payload: &Bytes,
) -> Result<ProviderEvent, Rejection> {
    let signed = fields.join(":");
    let [psp, original, account, _, _, _, code, success] = fields;
    for (value, what) in [
        (&psp, "pspReference"),
        (&code, "eventCode"),
        (&success, "success"),
    ] {
        if value.is_empty() {
            return Err(Rejection::MissingField {
                what,
                place: "`NotificationRequestItem`".to_owned(),
            });
        }
    }
    // With more colons than separators, an attacker can split the signed text into other fields.
    // All of these splits are one event.
    let ambiguous = signed.matches(':').count() >= SIGNED.len();
    let as_signed = || DedupBasis::Fields(vec!["signed".to_owned(), signed.clone()]);
    Ok(ProviderEvent {
        provider_id: Some(format!("{psp}|{code}|{success}")),
        kind: code.clone(),
        // A capture or refund has its own reference and names the payment's reference.
        subject: Some(if original.is_empty() {
            psp.clone()
        } else {
            original
        }),
        account: (!account.is_empty()).then_some(account),
        created: date.and_then(time::created),
        more_dedup: ambiguous.then(as_signed).into_iter().collect(),
        dedup: DedupBasis::Fields(vec![psp, code, success]),
        equal_bytes: EqualBytes::SameFact,
        live,
        unreadable: None,
        headers,
        payload: payload.clone(),
    })
}

/// The texts of the signed fields. An absent field is empty, an amount is in minor units, and a
/// number counts as it is written.
fn signed_fields(found: &[Option<Plucked<'_>>]) -> Result<[String; 8], Rejection> {
    let mut fields = [const { String::new() }; 8];
    for ((at, field), value) in fields.iter_mut().enumerate().zip(found) {
        let text = match value {
            None | Some(Plucked::Other(Value::Null)) => Some(""),
            Some(Plucked::Text(text)) => Some(&**text),
            Some(other) => other.as_text(),
        };
        let text = text.filter(|text| at < WITH_COLONS || !text.contains(':'));
        let unlike = || Rejection::MalformedBody {
            why: format!("`{}` is not what Adyen sends there", SIGNED[at]),
        };
        *field = text.ok_or_else(unlike)?.to_owned();
    }
    Ok(fields)
}
