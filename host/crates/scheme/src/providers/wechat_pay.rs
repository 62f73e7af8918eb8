//! WeChat Pay (API v3): an RSA signature over the time, a nonce and the body, and a resource in the
//! body that is encrypted.
//!
//! A request names its key: the serial number of a platform certificate, or the id of a public key.
//! The secrets are these certificates or keys. The setting `api_v3_key` is the merchant's own key,
//! under which WeChat Pay encrypts what the event is about (AES-256-GCM). Handlers get the body
//! with the plain resource in the place of the encrypted one.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::answer::{Answer, RequestOutcome};
use crate::encoding::SignatureEncoding;
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::invalid_key::InvalidKey;
use crate::key_ring::KeyRing;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::rfc3339::digits;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

const SIGNATURE: &str = "wechatpay-signature";
const TIMESTAMP: &str = "wechatpay-timestamp";
const NONCE: &str = "wechatpay-nonce";
const SERIAL: &str = "wechatpay-serial";
const TYPE: &str = "wechatpay-signature-type";
/// The only kind of signature that is made of RSA and SHA-256.
const ALGORITHM: &str = "WECHATPAY2-SHA256-RSA2048";
/// WeChat Pay now and then sends a wrong signature, to see whether it is checked.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// The greatest age of a request, by WeChat Pay's documents.
const TOLERANCE: Duration = Duration::from_secs(300);
const API_V3_KEY: &str = "api_v3_key";

/// The values that are read from a body.
struct Places {
    body: PointerSet,
    resource: PointerSet,
    plain: PointerSet,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let set = |pointers: &[&str]| PointerSet::new(pointers).expect("they are pointers");
    Places {
        body: set(&[
            "/id",
            "/event_type",
            "/create_time",
            "/resource/ciphertext",
            "/resource/nonce",
            "/resource/associated_data",
            "/resource/algorithm",
        ]),
        resource: set(&["/resource"]),
        plain: set(&[
            "/mchid",
            "/sp_mchid",
            "/out_trade_no",
            "/out_bill_no",
            "/out_batch_no",
        ]),
    }
});

struct WechatPay {
    /// The keys, each with its serial number or id.
    keys: KeyRing<(String, UnparsedPublicKey<Vec<u8>>)>,
    /// The merchant's keys for resources. Any may fit, so that they can be rotated.
    resource_keys: Vec<LessSafeKey>,
    tolerance: Tolerance,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let keys = reader.keys(public_key);
    let keys = with_serials(&mut reader, keys);
    let resource_keys = resource_keys(&mut reader);
    let tolerance = reader.tolerance();
    let scheme = reader.finish(Some(WechatPay {
        keys,
        resource_keys,
        tolerance: tolerance.unwrap_or_else(|| Tolerance::both(TOLERANCE)),
    }))?;
    Ok(Box::new(scheme))
}

/// A key, with the serial number if it comes in a certificate.
type OwnKey = (Option<String>, UnparsedPublicKey<Vec<u8>>);

/// The key in a certificate or in a bare public key.
fn public_key(secret: &Secret) -> Result<OwnKey, InvalidKey> {
    let key = pem::public_key(secret.expose(), KeyKind::Rsa)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    Ok((pem::serial(secret.expose()), key))
}

/// The keys with their names: those of the setting `serial`, else the certificates' own.
fn with_serials(
    reader: &mut SettingsReader<'_>,
    keys: KeyRing<OwnKey>,
) -> KeyRing<(String, UnparsedPublicKey<Vec<u8>>)> {
    const SETTING: &str = "serial";
    let count = keys.len();
    let own: Option<Vec<String>> = keys.iter().map(|(serial, _)| serial.clone()).collect();
    let given = reader.optional_param(SETTING);
    let serials = match (given, own) {
        (Some(given), _) => given.split(',').map(|one| one.trim().to_owned()).collect(),
        (None, Some(own)) => own,
        (None, None) => {
            let what = "the id of the public key (`PUB_KEY_ID_…`), or the serial number of the \
                        certificate; for several secrets one each, with commas between";
            reader.param(SETTING, what);
            return KeyRing::new([]);
        }
    };
    if serials.len() != count {
        let message = format!(
            "there are {count} secrets and {} of `{SETTING}`",
            serials.len()
        );
        reader.mistake(Setting::Param(SETTING.to_owned()), message);
        return KeyRing::new([]);
    }
    let serials = serials.iter().map(|serial| normal(serial)).collect();
    keys.map(|(_, key)| key).zip(serials)
}

/// A serial number in the form in which two of them are compared: they are hexadecimal numbers, in
/// upper case as a rule. Ids of keys stay as they are.
fn normal(serial: &str) -> String {
    let is_number = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_number {
        true => serial.trim_start_matches('0').to_ascii_uppercase(),
        false => serial.to_owned(),
    }
}

/// Reads the setting `api_v3_key`: one or more keys of 32 characters.
fn resource_keys(reader: &mut SettingsReader<'_>) -> Vec<LessSafeKey> {
    let what = "the merchant's APIv3 key of 32 characters; during a change both, with a comma \
                between";
    let Some(given) = reader.param(API_V3_KEY, what) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for text in given.split(',') {
        match UnboundKey::new(&AES_256_GCM, text.trim().as_bytes()) {
            Ok(key) => keys.push(LessSafeKey::new(key)),
            Err(_) => {
                let message = format!("`{API_V3_KEY}` must have 32 characters");
                reader.mistake(Setting::Param(API_V3_KEY.to_owned()), message);
            }
        }
    }
    keys
}

impl Scheme for WechatPay {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let text = |name| header(request.headers, name);
        let (signature, serial) = (text(SIGNATURE)?, normal(text(SERIAL)?));
        let (time, nonce) = (text(TIMESTAMP)?, text(NONCE)?);
        if request.headers.contains_key(TYPE) && text(TYPE)? != ALGORITHM {
            return Err(Rejection::NoKnownSignature {
                place: TYPE.to_owned(),
                wanted: ALGORITHM.to_owned(),
            });
        }
        if signature.starts_with(PROBE) {
            let why = "it is WeChat Pay's probe of whether signatures are checked";
            return Err(Rejection::malformed_signature(SIGNATURE, why));
        }
        let signature = SignatureEncoding::Base64
            .decode(signature)
            .map_err(|why| Rejection::malformed_signature(SIGNATURE, why))?;
        if !self.keys.iter().any(|(own, _)| *own == serial) {
            let why = format!(
                "no secret is the key `{}`: its `serial` would say so",
                serial.escape_default()
            );
            return Err(Rejection::UntrustedKey { why });
        }
        let parts: [&[u8]; 6] = [
            time.as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            request.body,
            b"\n",
        ];
        let signed = parts.concat();
        let secret = self.keys.matching(now, 1, |(own, key)| {
            *own == serial && key.verify(&signed, &signature).is_ok()
        })?;
        let malformed = || Rejection::MalformedTimestamp {
            place: TIMESTAMP.to_owned(),
        };
        let sent = WallTime::from_secs(digits(time).ok_or_else(malformed)?);
        let second = WallTime::from_secs(now.as_secs());
        self.tolerance.check(sent, second)?;
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let read = self.event(request.body, headers());
        let digest = || digest_of([&request.body[..]]);
        let event = ProviderEvent::or_unreadable(read, digest, headers, request.body);
        Ok((Some(secret), vec![event]))
    }

    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let UnsignedRequest { body, mut headers } = unsigned;
        let body: Bytes = self.with_sealed(&body)?.into();
        let (serial, _) = self.keys.get(0)?;
        let nonce = hex::encode_upper(&digest_of([&body[..]])[..16]);
        let signed = [
            now.as_secs().to_string().as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            &body,
            b"\n",
        ]
        .concat();
        let signature = SignatureEncoding::Base64.encode(&key.rsa_sha256(&signed)?);
        for (name, value) in [
            (SERIAL, serial.as_str()),
            (TIMESTAMP, &now.as_secs().to_string()),
            (NONCE, &nonce),
            (TYPE, ALGORITHM),
            (SIGNATURE, &signature),
        ] {
            set_header(&mut headers, name, value)?;
        }
        Ok(SignedRequest {
            headers,
            body,
            query: None,
        })
    }

    fn checks_time(&self) -> bool {
        true
    }

    fn answer(&self, outcome: RequestOutcome) -> Answer {
        match outcome {
            RequestOutcome::Accepted | RequestOutcome::Duplicate => Answer::empty(StatusCode::OK),
            RequestOutcome::Rejected => Answer {
                status: StatusCode::BAD_REQUEST,
                content_type: Some("application/json".to_owned()),
                body: r#"{"code":"FAIL","message":"refused"}"#.into(),
            },
        }
    }
}

impl WechatPay {
    fn event(&self, body: &Bytes, headers: Headers) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck_borrowed(body, &PLACES.body)?;
        let text = |at: usize| found.get(at)?.as_ref()?.as_text();
        let named = |at, what, place: &str| {
            text(at).ok_or_else(|| Rejection::MissingField {
                what,
                place: place.to_owned(),
            })
        };
        let id = named(0, "event id", "`/id`")?;
        let kind = named(1, "event type", "`/event_type`")?;
        let plain = match text(3) {
            Some(ciphertext) => {
                let associated = text(5).unwrap_or_default();
                let algorithm = text(6).unwrap_or_default();
                let nonce = text(4).unwrap_or_default();
                Some(self.decrypted(algorithm, nonce, associated, ciphertext)?)
            }
            None => None,
        };
        let inside = plain.as_deref().unwrap_or(b"{}");
        let inside = json::pluck_borrowed(inside, &PLACES.plain)?;
        let first = |places: [usize; 3]| first_text(&inside, &places);
        Ok(ProviderEvent {
            provider_id: Some(id.to_owned()),
            kind: kind.to_owned(),
            subject: first([2, 3, 4]),
            account: first_text(&inside, &[0, 1]),
            created: text(2).and_then(time::created),
            dedup: DedupBasis::SignedId(id.to_owned()),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: None,
            unreadable: None,
            headers,
            payload: match &plain {
                Some(plain) => with_resource(body, plain)?.into(),
                None => body.clone(),
            },
        })
    }

    /// The plain resource.
    fn decrypted(
        &self,
        algorithm: &str,
        nonce: &str,
        associated: &str,
        ciphertext: &str,
    ) -> Result<Vec<u8>, Rejection> {
        let malformed = |why: &str| Rejection::MalformedBody {
            why: format!("its `resource` {why}"),
        };
        if algorithm != "AEAD_AES_256_GCM" {
            return Err(malformed("is not encrypted with AEAD_AES_256_GCM"));
        }
        let sealed = STANDARD.decode(ciphertext);
        let sealed = sealed.map_err(|_| malformed("has a `ciphertext` that is no base64"))?;
        for key in &self.resource_keys {
            let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes());
            let nonce = nonce.map_err(|_| malformed("has a `nonce` that is not of 12 bytes"))?;
            let mut text = sealed.clone();
            let associated = Aad::from(associated.as_bytes());
            if let Ok(plain) = key.open_in_place(nonce, associated, &mut text) {
                return Ok(plain.to_vec());
            }
        }
        Err(malformed(
            "cannot be decrypted: is `api_v3_key` the key that the merchant platform shows?",
        ))
    }
}

impl WechatPay {
    /// The body with an encrypted resource in the place of a plain one.
    fn with_sealed(&self, body: &[u8]) -> Result<Vec<u8>, SignError> {
        let unsignable = |why: String| SignError::Unsignable(why);
        let found = json::pluck_borrowed(body, &PLACES.body);
        let found = found.map_err(|why| unsignable(why.to_string()))?;
        let text = |at: usize| found.get(at)?.as_ref()?.as_text();
        if text(3).is_some() {
            return Ok(body.to_vec());
        }
        let kind = text(1).unwrap_or_default();
        let about = kind
            .split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let key = self.resource_keys.first();
        let key = key.ok_or_else(|| unsignable("there is no `api_v3_key`".to_owned()))?;
        let sealed = |_, plain: &[u8]| {
            // Each resource has bytes of its own, and so a nonce of its own.
            let nonce = hex::encode(&digest_of([plain])[..6]);
            let bytes = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
            let mut text = plain.to_vec();
            let associated = Aad::from(about.as_bytes());
            key.seal_in_place_append_tag(bytes, associated, &mut text)
                .ok()?;
            let resource = serde_json::json!({
                "algorithm": "AEAD_AES_256_GCM",
                "associated_data": about,
                "ciphertext": STANDARD.encode(&text),
                "nonce": nonce,
                "original_type": about,
            });
            Some(Cow::Owned(resource.to_string().into_bytes()))
        };
        let replaced = json::replace(body, &PLACES.resource, sealed);
        replaced.map_err(|why| unsignable(why.to_string()))
    }
}

fn first_text(found: &[Option<Plucked<'_>>], places: &[usize]) -> Option<String> {
    let text = |at: &usize| Some(found.get(*at)?.as_ref()?.as_text()?.to_owned());
    places.iter().find_map(text)
}

/// The body with the plain resource in the place of the encrypted one.
fn with_resource(body: &[u8], plain: &[u8]) -> Result<Vec<u8>, Rejection> {
    let with = |_, _: &[u8]| Some(Cow::Borrowed(plain));
    Ok(json::replace(body, &PLACES.resource, with)?)
}
