//! Adyen's standard webhooks: a batch whose items are signed one by one, each inside itself.
//!
//! Only eight fields of an item are signed. What else it says (`additionalData`, `reason`)
//! anybody on the way could have changed, so a handler should not trust it with money.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::answer::{Answer, AnswerTo};
use crate::encoding::SignatureEncoding;
use crate::headers::{ALWAYS, recorded};
use crate::key::{Algorithm, Key, KeyEncoding, decode};
use crate::keys::Keys;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::Reader;
use crate::sign::{SignError, Signed, Unsigned};
use crate::time;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
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
const DATE: &str = "/NotificationRequestItem/eventDate";

/// Which of the signed fields may hold a colon, although colons separate them: with one
/// alone, the signed text can be taken apart in one way only.
const MERCHANT_REFERENCE: usize = 3;

struct Adyen {
    keys: Keys<Key>,
    pointers: PointerSet,
}

/// The scheme with a source's settings.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = Reader::new(name, settings);
    let algorithm = Algorithm::HmacSha256;
    let keys =
        reader.keys(|secret| Key::new(algorithm, &decode(secret, KeyEncoding::Hex, algorithm)?));
    let mut pointers = SIGNED.to_vec();
    pointers.extend([SIGNATURE, DATE]);
    let pointers = PointerSet::new(&pointers).expect("they are pointers");
    let made = reader.finish(Some(Adyen { keys, pointers }))?;
    Ok(Box::new(made))
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
        let headers = recorded(request.headers, &ALWAYS);
        let mut secret = 0;
        let mut events = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let payload = request.body.slice_ref(item);
            let (matched, event) = self
                .item(payload, headers.clone(), now)
                .map_err(|rejection| rejection.of_item(at))?;
            // While a key is being replaced, the batch counts for the oldest one in it.
            secret = secret.max(matched);
            events.push(event);
        }
        Ok((Some(secret), events))
    }

    fn answer(&self, to: AnswerTo) -> Answer {
        match to {
            AnswerTo::Accepted | AnswerTo::Duplicate => {
                Answer::text(http::StatusCode::OK, "[accepted]")
            }
            AnswerTo::Rejected => Answer::empty(http::StatusCode::BAD_REQUEST),
        }
    }

    fn sign(&self, secret: usize, unsigned: Unsigned, _: WallTime) -> Result<Signed, SignError> {
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
            let tag = key
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
            let text = SignatureEncoding::Base64.encode(&tag);
            extra.insert("hmacSignature".to_owned(), Value::String(text));
        }
        Ok(Signed {
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
            "no timestamp is signed: a captured item is told from a new one by its dedup key \
             alone, so keys are kept for good"
                .to_owned(),
        ]
    }
}

impl Adyen {
    /// Checks one item; returns which secret matched, and the event.
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
            // A capture or refund has a reference of its own and names the payment's.
            subject: Some(if original.is_empty() {
                psp.clone()
            } else {
                original
            }),
            account: (!account.is_empty()).then_some(account),
            created: date.as_ref().and_then(time::created),
            basis: DedupBasis::Fields(vec![psp, code, success]),
            also: Vec::new(),
            headers,
            payload,
        };
        Ok((secret, event))
    }

    fn check(
        &self,
        fields: &[String; 8],
        signature: Option<Value>,
        now: WallTime,
    ) -> Result<usize, Rejection> {
        let place = || "additionalData.hmacSignature".to_owned();
        let Some(Value::String(text)) = signature.filter(|value| !value.is_null()) else {
            return Err(Rejection::NoKnownSignature {
                place: place(),
                wanted: "hmacSignature".to_owned(),
            });
        };
        let signature = SignatureEncoding::Base64.decode(&text).map_err(|why| {
            Rejection::MalformedSignature {
                place: place(),
                why: why.to_owned(),
            }
        })?;
        let signed = fields.join(":");
        self.keys.which(now, 1, |key| {
            key.matches(&[signed.as_bytes()], std::iter::once(&signature[..]))
        })
    }
}

/// The signed fields as they are signed: an absent one is empty, an amount is in minor units.
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
