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
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use crate::warnings;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, PointerSet};
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

/// The signed field that may hold a colon, although colons separate the fields. With one such field
/// alone, the signed text can be split in one way only.
const MERCHANT_REFERENCE: usize = 3;

struct Adyen {
    keys: KeyRing<Key>,
    pointers: PointerSet,
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
    let scheme = reader.finish(Some(Adyen { keys, pointers }))?;
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
        let mut secret = 0;
        let mut events = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let payload = request.body.slice_ref(item);
            let (matched, event) = self
                .item(payload, headers.clone(), now)
                .map_err(|rejection| rejection.of_item(at))?;
            // While a key is rotated, the batch counts for the oldest key in it.
            secret = secret.max(matched);
            events.push(event);
        }
        Ok((Some(secret), events))
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
            let found: Vec<Option<Value>> = SIGNED
                .iter()
                .map(|pointer| item.pointer(pointer).cloned())
                .collect();
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

impl Adyen {
    /// Checks one item. Returns the index of the secret that matched, and the event.
    fn item(
        &self,
        payload: Bytes,
        headers: Headers,
        now: WallTime,
    ) -> Result<(usize, ProviderEvent), Rejection> {
        let mut found = json::pluck(&payload, &self.pointers)?;
        let date = found.pop().flatten();
        let signature = found.pop().flatten();
        let fields = signed_fields(&found)?;
        let secret = self.check(&fields, signature, now)?;
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
        let event = ProviderEvent {
            provider_id: Some(format!("{psp}|{code}|{success}")),
            kind: code.clone(),
            // A capture or refund has its own reference and names the payment's reference.
            subject: Some(if original.is_empty() {
                psp.clone()
            } else {
                original
            }),
            account: (!account.is_empty()).then_some(account),
            created: date.as_ref().and_then(time::created),
            dedup: DedupBasis::Fields(vec![psp, code, success]),
            more_dedup: Vec::new(),
            headers,
            payload,
        };
        Ok((secret, event))
    }

    /// The index of the secret that signed the fields.
    fn check(
        &self,
        fields: &[String; 8],
        signature: Option<Value>,
        now: WallTime,
    ) -> Result<usize, Rejection> {
        let Some(Value::String(text)) = signature.filter(|value| !value.is_null()) else {
            return Err(Rejection::NoKnownSignature {
                place: PLACE.to_owned(),
                wanted: "hmacSignature".to_owned(),
            });
        };
        let signature = SignatureEncoding::Base64
            .decode(&text)
            .map_err(|why| Rejection::malformed_signature(PLACE, why))?;
        let signed = fields.join(":");
        self.keys.matching(now, 1, |key| {
            key.matches(&[signed.as_bytes()], std::iter::once(&signature[..]))
        })
    }
}

/// The texts of the signed fields. An absent field is empty, an amount is in minor units.
fn signed_fields(found: &[Option<Value>]) -> Result<[String; 8], Rejection> {
    let mut fields = [const { String::new() }; 8];
    for ((at, field), value) in fields.iter_mut().enumerate().zip(found) {
        *field = match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) if at == MERCHANT_REFERENCE || !text.contains(':') => {
                text.clone()
            }
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            Some(_) => {
                return Err(Rejection::MalformedBody {
                    why: format!("`{}` is not what Adyen sends there", SIGNED[at]),
                });
            }
        };
    }
    Ok(fields)
}
