//! Wompi (Colombia): a SHA-256 over the values that the body lists, the time and the secret.
//!
//! The list itself is not signed. So it must name the id and the status, and the amount if there is
//! one: a captured checksum would otherwise cover other values.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::encoding::SignatureEncoding;
use crate::hash::Hash;
use crate::headers::{ALWAYS_RECORDED, recorded};
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
use serde_json::Value;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::secret::{Secret, equal_to_any};
use tollgate_base::time::WallTime;

const FIELDS: [&str; 5] = [
    "/signature/properties",
    "/signature/checksum",
    "/timestamp",
    "/event",
    "/environment",
];
/// More values than any event of Wompi signs.
const MAX_VALUES: usize = 16;
const CHECKSUM: &str = "signature.checksum";
const PROPERTIES: &str = "signature.properties";

static POINTERS: LazyLock<PointerSet> =
    LazyLock::new(|| PointerSet::new(&FIELDS).expect("they are pointers"));

struct Wompi {
    keys: KeyRing<Secret>,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let keys = reader.keys(|secret| Ok(secret.clone()));
    let scheme = reader.finish(Some(Wompi { keys }))?;
    Ok(Box::new(scheme))
}

/// The signed values of an event.
struct SignedValues {
    /// The values that the body lists, in order.
    listed: Vec<String>,
    timestamp: String,
    id: String,
    status: String,
}

impl SignedValues {
    fn read(body: &[u8], fields: &[Option<Plucked<'_>>]) -> Result<Self, Rejection> {
        let missing = |what, place: &str| Rejection::MissingField {
            what,
            place: place.to_owned(),
        };
        let properties = properties(fields)?;
        let object = properties
            .first()
            .and_then(|first| first.split('.').next())
            .unwrap_or_default();
        let amount = format!("{object}.amount_in_cents");
        let mut wanted: Vec<String> = properties.clone();
        wanted.push(amount.clone());
        let pointers: Vec<String> = wanted
            .iter()
            .map(|path| format!("/data/{}", path.replace('.', "/")))
            .collect();
        let unreadable = |_| Rejection::malformed_signature(PROPERTIES, "it is no list of paths");
        let mut pointer_set = PointerSet::default();
        let slots: Result<Vec<usize>, _> = pointers
            .iter()
            .map(|pointer| pointer_set.add(pointer))
            .collect();
        let slots = slots.map_err(unreadable)?;
        let found = json::pluck_borrowed(body, &pointer_set)?;
        let text = |at: usize| {
            let value = found.get(*slots.get(at)?)?.as_ref()?;
            match value {
                Plucked::Text(text) => Some(text.to_string()),
                other => other.as_text().map(str::to_owned),
            }
        };
        let listed: Option<Vec<String>> = (0..properties.len()).map(text).collect();
        let listed = listed.ok_or_else(|| missing("signed value", "`signature.properties`"))?;
        let of = |name: &str| {
            let path = format!("{object}.{name}");
            let at = properties.iter().position(|known| *known == path)?;
            listed.get(at).cloned()
        };
        let unlisted = |name: &str| {
            let why = format!("it does not name `{object}.{name}`, so anybody could change it");
            Rejection::malformed_signature(PROPERTIES, &why)
        };
        if text(properties.len()).is_some() && !properties.contains(&amount) {
            return Err(unlisted("amount_in_cents"));
        }
        let timestamp = fields.get(2).and_then(Option::as_ref);
        let timestamp = timestamp.and_then(Plucked::as_text);
        Ok(Self {
            id: of("id").ok_or_else(|| unlisted("id"))?,
            status: of("status").ok_or_else(|| unlisted("status"))?,
            timestamp: timestamp
                .ok_or_else(|| missing("signed value", "`/timestamp`"))?
                .to_owned(),
            listed,
        })
    }

    /// The signed text, part by part, without the secret.
    fn parts(&self) -> Vec<&[u8]> {
        let listed = self.listed.iter().chain([&self.timestamp]);
        listed.map(|text| text.as_bytes()).collect()
    }

    fn checksum(&self, secret: &Secret) -> Vec<u8> {
        let mut parts = self.parts();
        parts.push(secret.expose());
        Hash::Sha256.of(&parts)
    }
}

/// The paths inside `data` whose values are signed, in order.
fn properties(fields: &[Option<Plucked<'_>>]) -> Result<Vec<String>, Rejection> {
    let refused = |why: &str| Rejection::malformed_signature(PROPERTIES, why);
    let Some(Some(Plucked::Other(Value::Array(list)))) = fields.first() else {
        return Err(refused("it is no list"));
    };
    let plain = |path: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        !path.is_empty() && path.bytes().all(is_plain)
    };
    let paths = list.iter().map(|path| {
        let path = path.as_str().filter(|path| plain(path));
        path.map(str::to_owned)
    });
    let paths: Option<Vec<String>> = paths.collect();
    let paths = paths.filter(|paths| (1..=MAX_VALUES).contains(&paths.len()));
    paths.ok_or_else(|| refused("it is no list of some paths"))
}

impl Scheme for Wompi {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let fields = json::pluck_borrowed(request.body, &POINTERS)?;
        let text = |at: usize| fields.get(at)?.as_ref()?.as_text();
        let checksum = text(1).ok_or_else(|| Rejection::MissingField {
            what: "signature",
            place: format!("`{CHECKSUM}`"),
        })?;
        // Samples of Wompi's have capitals, events do not.
        let checksum = SignatureEncoding::HexAnyCase.decode(checksum);
        let checksum = checksum.map_err(|why| Rejection::malformed_signature(CHECKSUM, why))?;
        let signed = SignedValues::read(request.body, &fields)?;
        let verifies =
            |secret: &Secret| equal_to_any(&signed.checksum(secret), [&checksum[..]].into_iter());
        let secret = self.keys.matching(now, 1, verifies)?;
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let kind = text(3).ok_or_else(|| Rejection::MissingField {
            what: "event type",
            place: "`/event`".to_owned(),
        });
        let live = text(4).and_then(|environment| match environment {
            "prod" => Some(true),
            "test" => Some(false),
            _ => None,
        });
        let event = kind.map(|kind| ProviderEvent {
            provider_id: None,
            kind: kind.to_owned(),
            subject: Some(signed.id.clone()),
            account: None,
            created: time::created(&signed.timestamp),
            dedup: DedupBasis::Fields(vec![
                signed.id.clone(),
                signed.status.clone(),
                signed.timestamp.clone(),
                hex::encode(digest_of(signed.parts())),
            ]),
            // Values that are cut otherwise have the same checksum.
            more_dedup: vec![DedupBasis::Fields(vec![
                "once".to_owned(),
                hex::encode(digest_of(signed.parts())),
            ])],
            equal_bytes: EqualBytes::SameFact,
            live,
            unreadable: None,
            headers: headers(),
            payload: request.body.clone(),
        });
        let digest = || digest_of(signed.parts());
        let event = ProviderEvent::or_unreadable(event, digest, headers, request.body);
        Ok((Some(secret), vec![event]))
    }

    fn has_mode(&self) -> bool {
        true
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            warnings::NO_TIMESTAMP.to_owned(),
            "the body is signed in parts: the id, the status and the amount; believe nothing else \
             without asking Wompi"
                .to_owned(),
        ]
    }

    fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let secret = self.keys.get(secret)?;
        let unsignable = |why: &str| SignError::Unsignable(why.to_owned());
        let body: Result<serde_json::Map<String, Value>, _> =
            serde_json::from_slice(&unsigned.body);
        let mut body = body.map_err(|_| unsignable("the body is no JSON object"))?;
        let data = body.get("data").and_then(Value::as_object);
        let (name, object) = data
            .and_then(|data| data.iter().next())
            .ok_or_else(|| unsignable("`data` has no object"))?;
        let names = ["id", "status", "amount_in_cents"].into_iter();
        let names = names.filter(|field| object.get(field).is_some());
        let properties: Vec<String> = names.map(|field| format!("{name}.{field}")).collect();
        body.entry("timestamp")
            .or_insert_with(|| now.as_secs().into());
        let mut signature = serde_json::json!({ "properties": properties });
        body.insert("signature".to_owned(), signature.clone());
        let text = |body: &serde_json::Map<String, Value>| {
            Bytes::from(Value::from(body.clone()).to_string())
        };
        let fields = text(&body);
        let refused = |why: Rejection| SignError::Unsignable(why.to_string());
        let found = json::pluck_borrowed(&fields, &POINTERS).map_err(|why| refused(why.into()))?;
        let values = SignedValues::read(&fields, &found).map_err(refused)?;
        signature["checksum"] = hex::encode(values.checksum(secret)).into();
        body.insert("signature".to_owned(), signature);
        Ok(SignedRequest {
            headers: unsigned.headers,
            body: text(&body),
            query: None,
        })
    }
}
