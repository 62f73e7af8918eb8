//! Braintree: a form with a signature and a payload, which is XML in base64.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;
use quick_xml::events::Event;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::answer::Answer;
use crate::encoding::SignatureEncoding;
use crate::form;
use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::invalid_key::InvalidKey;
use crate::key::{Algorithm, Key};
use crate::key_ring::KeyRing;
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use tollgate_base::event::DedupBasis;
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

const PLACE: &str = "bt_signature";

/// Braintree resends for a day in production.
const RESENDS_FOR: Duration = Duration::from_secs(86_400);

struct Braintree {
    /// Each public key with its private key.
    keys: KeyRing<(String, Key)>,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let private = reader.keys(private_key);
    let what = "the public key that belongs to the private key; for several secrets as many, in \
                the same order, with commas between them";
    let public = reader.param("public_key", what).unwrap_or_default();
    let public: Vec<String> = public.split(',').map(|key| key.trim().to_owned()).collect();
    if private.len() > 0 && public.len() != private.len() {
        let message = format!(
            "has {} public key(s) for {} secret(s); each secret needs its own",
            public.len(),
            private.len()
        );
        reader.mistake(Setting::Param("public_key".to_owned()), message);
    }
    let keys = private.zip(public);
    let scheme = reader.finish(Some(Braintree { keys }))?;
    Ok(Box::new(scheme))
}

/// Braintree signs with the SHA-1 of the private key.
fn private_key(secret: &Secret) -> Result<Key, InvalidKey> {
    Key::new(
        Algorithm::HmacSha1,
        &Secret::new(Sha1::digest(secret.expose()).to_vec()),
    )
}

impl Scheme for Braintree {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let field = |name: &str| {
            form::single(request.body, name)
                .ok_or_else(|| malformed(format!("the form does not have the field `{name}` once")))
        };
        let (signature, payload) = (field("bt_signature")?, field("bt_payload")?);
        // No branch for each byte.
        if !payload
            .iter()
            .fold(true, |all, byte| all & is_base64(*byte))
        {
            return Err(malformed("`bt_payload` is no base64".to_owned()));
        }
        let signature = String::from_utf8_lossy(&signature);
        let secret = self.matching(&signature, &payload, now)?;
        let mut text = payload.into_owned();
        if memchr(b'\n', &text).is_some() {
            text.retain(|byte| *byte != b'\n');
        }
        let read = STANDARD
            .decode(&text)
            .map_err(|_| malformed("`bt_payload` is no base64".to_owned()))
            .and_then(|xml| event(request, &xml));
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let event =
            ProviderEvent::or_unreadable(read, || digest_of([&text[..]]), headers, request.body);
        Ok((Some(secret), vec![event]))
    }

    fn told_by_hash(&self) -> bool {
        true
    }

    /// Answers `?bt_challenge=…` with the MAC of the challenge, which shows that the endpoint is
    /// ours.
    fn challenge(&self, request: &Request<'_>, now: WallTime) -> Option<Answer> {
        let (_, query) = request.url.split_once('?')?;
        let challenge = form::single(query.as_bytes(), "bt_challenge")?;
        // Only the form that Braintree sends: a longer text could be a payload that an attacker
        // wants to have signed.
        let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        let is_challenge = *request.method == http::Method::GET
            && (20..=32).contains(&challenge.len())
            && challenge.iter().all(is_hex);
        let (public, key) = self.keys.first_unexpired(now).filter(|_| is_challenge)?;
        let mac = SignatureEncoding::Hex.encode(&key.sign(&[&challenge])?);
        Some(Answer::text(
            http::StatusCode::OK,
            format!("{public}|{mac}"),
        ))
    }

    fn sign(
        &self,
        secret: usize,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let (public, key) = self.keys.get(secret)?;
        let payload = STANDARD.encode(&unsigned.body);
        let mac = key
            .sign(&[payload.as_bytes()])
            .ok_or(SignError::NotShared)?;
        let signature = format!("{public}|{}", SignatureEncoding::Hex.encode(&mac));
        let body = form::write(&[("bt_signature", &signature), ("bt_payload", &payload)]);
        let mut headers = unsigned.headers;
        set_header(&mut headers, "content-type", form::CONTENT_TYPE)?;
        Ok(SignedRequest {
            headers,
            body: body.into(),
            query: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "no timestamp is checked: a captured request is recognised by its dedup key alone, so \
             keys are kept for good"
                .to_owned(),
        ]
    }
}

/// Whether a payload may hold this byte: base64, in lines.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'=' | b'\n')
}

impl Braintree {
    /// The index of the secret that signed. `pairs` are `public|signature` with `&` between them.
    fn matching(&self, pairs: &str, payload: &[u8], now: WallTime) -> Result<usize, Rejection> {
        let named: Vec<(&str, &str)> = pairs
            .split('&')
            .filter_map(|pair| pair.split_once('|'))
            .take(32)
            .filter(|(public, _)| self.keys.iter().any(|(own, _)| own == public))
            .collect();
        if named.is_empty() {
            let own: Vec<&str> = self.keys.iter().map(|(own, _)| own.as_str()).collect();
            return Err(Rejection::NoKnownSignature {
                place: PLACE.to_owned(),
                wanted: own.join("` or `"),
            });
        }
        let (mut signatures, mut unreadable) = (Vec::new(), "");
        for (public, text) in named {
            match SignatureEncoding::Hex.decode(text) {
                Ok(signature) => signatures.push((public, signature)),
                Err(why) => unreadable = why,
            }
        }
        if signatures.is_empty() {
            return Err(Rejection::malformed_signature(PLACE, unreadable));
        }
        // Sometimes Braintree signs the payload with a line end that is not sent.
        let messages = [vec![payload], vec![payload, b"\n"]];
        self.keys.matching(now, signatures.len(), |(own, key)| {
            let of_key = signatures.iter().filter(|(public, _)| own == public);
            let of_key = of_key.map(|(_, signature)| signature.as_slice());
            messages
                .iter()
                .any(|parts| key.matches(parts, of_key.clone()))
        })
    }
}

fn event(request: &Request<'_>, xml: &[u8]) -> Result<ProviderEvent, Rejection> {
    let notification = Notification::read(xml)?;
    let missing = || Rejection::MissingField {
        what: "event type",
        place: "`/notification/kind`".to_owned(),
    };
    let kind = notification.kind.ok_or_else(missing)?;
    // The time of the event stands in the signed text, so equal texts are one fact.
    let equal_bytes = match notification.timestamp {
        Some(_) => EqualBytes::SameFact,
        None => EqualBytes::DuplicateWithin(RESENDS_FOR),
    };
    Ok(ProviderEvent {
        provider_id: None,
        equal_bytes,
        live: None,
        unreadable: None,
        subject: notification.subject,
        account: None,
        created: notification.timestamp.as_deref().and_then(rfc3339::parse),
        dedup: DedupBasis::Body {
            kind: kind.clone(),
            digest: Sha256::digest(xml).into(),
        },
        kind,
        more_dedup: Vec::new(),
        headers: recorded(request.headers, &ALWAYS_RECORDED),
        payload: request.body.clone(),
    })
}

/// The fields of a notification that the gateway needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Notification {
    kind: Option<String>,
    timestamp: Option<String>,
    /// The id of the subject's only child, such as `subject/subscription/id`.
    subject: Option<String>,
}

/// The depth of the deepest tag that counts: `notification/subject/subscription/id`.
const NAMED: usize = 4;

/// The greatest number of levels below. No real notification reaches it.
const MAX_BELOW: usize = 60;

impl Notification {
    /// Reads `<notification><kind>…</kind><timestamp>…`. Only the entities of XML itself are
    /// expanded, so a small text cannot become a big text.
    pub(crate) fn read(xml: &[u8]) -> Result<Self, Rejection> {
        let mut reader = quick_xml::Reader::from_reader(xml);
        // The names of the open tags; below the depth that counts, only their number.
        let (mut path, mut below): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
        let mut notification = Self::default();
        let unreadable =
            |error: &dyn std::fmt::Display| malformed(format!("the payload is no XML: {error}"));
        loop {
            match reader.read_event().map_err(|error| unreadable(&error))? {
                Event::Start(_) if below == MAX_BELOW => {
                    return Err(malformed("the payload nests too deeply".to_owned()));
                }
                Event::Start(tag) if path.len() < NAMED => path.push(tag.name().as_ref().to_vec()),
                Event::Start(_) => below += 1,
                Event::End(_) if below > 0 => below -= 1,
                Event::End(_) => {
                    path.pop();
                }
                Event::Text(text) if below == 0 => {
                    let text = text.decode().map_err(|error| unreadable(&error))?;
                    notification.keep(&path, text.trim());
                }
                Event::Eof if path.is_empty() => return Ok(notification),
                Event::Eof => return Err(malformed("the payload is cut short".to_owned())),
                _ => {}
            }
        }
    }

    /// Keeps the text of a tag that counts.
    fn keep(&mut self, path: &[Vec<u8>], text: &str) {
        let is = |at: usize, name: &str| path.get(at).is_some_and(|tag| tag == name.as_bytes());
        if !is(0, "notification") {
            return;
        }
        let slot = match path.len() {
            2 if is(1, "kind") => &mut self.kind,
            2 if is(1, "timestamp") => &mut self.timestamp,
            4 if is(1, "subject") && is(3, "id") => &mut self.subject,
            _ => return,
        };
        if slot.is_none() && !text.is_empty() {
            *slot = Some(text.to_owned());
        }
    }
}

fn malformed(why: String) -> Rejection {
    Rejection::MalformedBody { why }
}
