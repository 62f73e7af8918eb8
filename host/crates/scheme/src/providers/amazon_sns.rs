//! Amazon SNS: an RSA signature over some fields of the JSON body, each with its name.
//!
//! A message names the certificate of its signature by a URL, which must be a file on a host of
//! SNS. The certificate is fetched from there, or from the same path at `keys_from`, and must lead
//! to a root that this machine trusts and be for SNS. If the secrets are certificates (PEM), these
//! alone count and nothing is fetched.
//!
//! Anybody can have a topic that SNS signs for: `topic_arn` says whose messages are wanted. The
//! gateway confirms the subscription to such a topic: it visits the URL in a message of the type
//! `SubscriptionConfirmation` before it acknowledges the message.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

use crate::certificate_source::{CertificateSource, host, target};
use crate::certificates::CertificateTrust;
use crate::fetched_key::{FetchedKey, KeyError, KeyRequest, Visit};
use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::key_ring::KeyRing;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::{EqualBytes, ProviderEvent, digest_of};
use crate::verifier::Scheme;
use crate::warnings;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// The name in the certificates of SNS.
const SIGNER: &str = "sns.amazonaws.com";
/// The domain of Amazon's certificate authority.
const AUTHORITY: &str = ".amazontrust.com";
const TOPIC: &str = "topic_arn";
const MESSAGE_TYPE: &str = "message_type";
const NOTIFICATION: &str = "Notification";
const CONFIRMATION: &str = "SubscriptionConfirmation";
const CANCELLATION: &str = "UnsubscribeConfirmation";

/// The fields of a body. Those before `Signature` may be signed.
const FIELDS: [&str; 11] = [
    "Type",
    "Message",
    "MessageId",
    "Timestamp",
    "TopicArn",
    "Subject",
    "Token",
    "SubscribeURL",
    "Signature",
    "SignatureVersion",
    "SigningCertURL",
];
/// The signed fields of a notification, in order; `Subject` only if it is there.
const OF_NOTIFICATION: [&str; 6] = [
    "Message",
    "MessageId",
    "Subject",
    "Timestamp",
    "TopicArn",
    "Type",
];
/// The signed fields of a message about the subscription, in order.
const OF_SUBSCRIPTION: [&str; 7] = [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
];
/// Where the services that send through SNS write the type of an event in `Message`.
const TYPES: [&str; 7] = [
    "/type",
    "/eventType",
    "/event_type",
    "/detail-type",
    "/notificationType",
    "/NotificationType",
    "/action",
];

static POINTERS: LazyLock<PointerSet> = LazyLock::new(|| {
    PointerSet::new(&FIELDS.map(|name| format!("/{name}"))).expect("they are pointers")
});

struct AmazonSns {
    /// The keys that were given as secrets, in the form that ring takes.
    keys: KeyRing<Vec<u8>>,
    source: CertificateSource,
    /// The topics whose messages are wanted. Empty for any.
    topics: Vec<String>,
    /// Where the type of an event stands in `Message`.
    types: PointerSet,
    /// `None` unless the source sets it: SNS resends without signing anew.
    tolerance: Option<Tolerance>,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let read = |secret: &Secret| pem::public_key(secret.expose(), KeyKind::Rsa);
    let keys: KeyRing<Vec<u8>> = reader.optional_keys(read);
    if keys.len() > 0 {
        CertificateSource::reject_settings(&mut reader);
    }
    let source = CertificateSource::read(&mut reader, AUTHORITY);
    let topics = topics(&mut reader);
    let types = types(&mut reader);
    let tolerance = reader.tolerance();
    let scheme = reader.finish(Some(AmazonSns {
        keys,
        source,
        topics,
        types,
        tolerance,
    }))?;
    Ok(Box::new(scheme))
}

/// Reads the setting `topic_arn`: one or more topics.
fn topics(reader: &mut SettingsReader<'_>) -> Vec<String> {
    let Some(given) = reader.optional_param(TOPIC) else {
        return Vec::new();
    };
    let topics: Vec<String> = given.split(',').map(|one| one.trim().to_owned()).collect();
    if topics.iter().any(|topic| !topic.starts_with("arn:")) {
        let message = format!("`{TOPIC}` must be `arn:aws:sns:REGION:ACCOUNT:NAME`");
        reader.mistake(Setting::Param(TOPIC.to_owned()), message);
    }
    topics
}

/// Reads the setting `message_type`: a JSON pointer into the message.
fn types(reader: &mut SettingsReader<'_>) -> PointerSet {
    let given = reader.optional_param(MESSAGE_TYPE);
    let read = match &given {
        Some(pointer) => PointerSet::new(&[pointer]),
        None => PointerSet::new(&TYPES),
    };
    read.unwrap_or_else(|error| {
        reader.mistake(Setting::Param(MESSAGE_TYPE.to_owned()), error.to_string());
        PointerSet::default()
    })
}

/// A message, not checked yet.
struct Message<'r> {
    fields: Vec<Option<Plucked<'r>>>,
    signature: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
    signed: String,
}

impl<'r> Message<'r> {
    fn read(request: &Request<'r>) -> Result<Self, Rejection> {
        let fields = json::pluck_borrowed(request.body, &POINTERS)?;
        let signature = needed(&fields, "Signature")?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| malformed("Signature", "it is not padded base64"))?;
        let algorithm: &'static dyn VerificationAlgorithm =
            match needed(&fields, "SignatureVersion")? {
                "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                "2" => &RSA_PKCS1_2048_8192_SHA256,
                _ => {
                    return Err(Rejection::NoKnownSignature {
                        place: "SignatureVersion".to_owned(),
                        wanted: "1` or `2".to_owned(),
                    });
                }
            };
        let url = needed(&fields, "SigningCertURL")?;
        if !is_certificate(url) {
            let why = "`SigningCertURL` is not the https URL of a certificate of SNS".to_owned();
            return Err(Rejection::UntrustedKey { why });
        }
        Ok(Self {
            signed: signed(&fields)?,
            signature,
            algorithm,
            fields,
        })
    }

    /// The value of a field, which may be empty. `None` if it is absent, null or no text.
    fn text(&self, name: &str) -> Option<&str> {
        text(&self.fields, name)
    }

    fn certificate(&self) -> &str {
        self.text("SigningCertURL").unwrap_or_default()
    }

    /// Whether this key made the signature.
    fn is_signed_by(&self, key: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(self.algorithm, key);
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// The value of a field, which may be empty. `None` if it is absent, null or no text.
fn text<'f>(fields: &'f [Option<Plucked<'_>>], name: &str) -> Option<&'f str> {
    let at = FIELDS.iter().position(|field| *field == name)?;
    match fields.get(at)?.as_ref()? {
        Plucked::Text(text) => Some(text),
        _ => None,
    }
}

fn needed<'f>(fields: &'f [Option<Plucked<'_>>], name: &str) -> Result<&'f str, Rejection> {
    text(fields, name).ok_or_else(|| Rejection::NoKnownSignature {
        place: "the body".to_owned(),
        wanted: name.to_owned(),
    })
}

fn malformed(place: &str, why: &str) -> Rejection {
    Rejection::malformed_signature(place, why)
}

/// The signed text: each field's name and value, each with a newline.
fn signed(fields: &[Option<Plucked<'_>>]) -> Result<String, Rejection> {
    let names: &[&str] = match needed(fields, "Type")? {
        NOTIFICATION => &OF_NOTIFICATION,
        CONFIRMATION | CANCELLATION => &OF_SUBSCRIPTION,
        _ => return Err(malformed("Type", "it is no type of a message of SNS")),
    };
    let mut signed = String::new();
    for &name in names {
        let value = match name {
            "Subject" => text(fields, name),
            _ => Some(needed(fields, name)?),
        };
        let Some(value) = value else {
            continue;
        };
        // A newline inside a value would let the signed text be split in another way. The message
        // itself comes first, so it may have some.
        if name != "Message" && value.contains('\n') {
            return Err(malformed(name, "it holds a newline"));
        }
        signed.extend([name, "\n", value, "\n"]);
    }
    Ok(signed)
}

/// Whether the URL is that of a file on a host of SNS: `https://sns.REGION.amazonaws.com/….pem`.
/// The hosts answer other requests too, so nothing but a plain path will do.
fn is_certificate(url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    is_of_sns(url) && target(url).ends_with(".pem") && target(url).bytes().all(plain)
}

/// Whether the URL is https on a host of SNS.
fn is_of_sns(url: &str) -> bool {
    let Some(host) = host(url).map(str::to_ascii_lowercase) else {
        return false;
    };
    let region = host.strip_prefix("sns.").and_then(|rest| {
        let global = rest.strip_suffix(".amazonaws.com");
        global.or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    region.is_some_and(|region| !region.is_empty() && region.bytes().all(plain))
}

impl Scheme for AmazonSns {
    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let unsignable = |why: String| SignError::Unsignable(why);
        let UnsignedRequest { body, headers } = unsigned;
        let fields = json::pluck_borrowed(&body, &POINTERS);
        let fields = fields.map_err(|why| unsignable(why.to_string()))?;
        let signed = signed(&fields).map_err(|why| unsignable(why.to_string()))?;
        let signature = STANDARD.encode(key.rsa_sha256(signed.as_bytes())?);
        let body = std::str::from_utf8(&body).unwrap_or_default().trim();
        let open = body.strip_suffix('}');
        let open = open.ok_or_else(|| unsignable("the body is no JSON object".to_owned()))?;
        let version = "\"SignatureVersion\":\"2\"";
        Ok(SignedRequest {
            headers,
            body: format!("{open},{version},\"Signature\":\"{signature}\"}}").into(),
            query: None,
        })
    }

    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let message = Message::read(request)?;
        if self.keys.len() == 0 {
            return Err(Rejection::KeyNeeded {
                id: message.certificate().to_owned(),
            });
        }
        let verifies = |key: &Vec<u8>| message.is_signed_by(key);
        let secret = self.keys.matching(now, 1, verifies)?;
        Ok((Some(secret), self.events(request, &message, now)?))
    }

    fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        id: &str,
        key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let message = Message::read(request)?;
        if message.certificate() != id || !message.is_signed_by(key.key.as_ref()) {
            return Err(Rejection::SignatureMismatch {
                signatures: 1,
                secrets: 1,
            });
        }
        self.events(request, &message, now)
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some()
    }

    fn key_request(&self, id: &str, _: WallTime) -> Option<KeyRequest> {
        let fetches = self.keys.len() == 0 && is_certificate(id);
        fetches.then(|| self.source.get(id))
    }

    fn read_key(
        &self,
        id: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        let names = [SIGNER, host(id).unwrap_or(SIGNER)];
        let own = self.source.certificate(answer, trust, &names, now)?;
        let key = pem::certificate_key(&own, KeyKind::Rsa).map_err(KeyError::InvalidKey)?;
        Ok(FetchedKey {
            key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key),
            expired: None,
        })
    }

    /// The subscription's URL, if the message asks to confirm a subscription to a topic that is
    /// wanted.
    fn visit(&self, request: &Request<'_>) -> Option<Visit> {
        let message = Message::read(request).ok()?;
        let url = message.text("SubscribeURL")?;
        let confirms = message.text("Type") == Some(CONFIRMATION) && !self.topics.is_empty();
        (confirms && is_of_sns(url)).then(|| self.source.visit(url))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.topics.is_empty() {
            warnings.push(
                "no `topic_arn` is set: anybody can have a topic of Amazon SNS, and messages of \
                 any topic are taken; subscriptions are not confirmed"
                    .to_owned(),
            );
        }
        if self.tolerance.is_none() {
            warnings.push(warnings::TIME_UNCHECKED.to_owned());
        }
        warnings
    }
}

impl AmazonSns {
    /// The event of a message whose signature is valid.
    fn events(
        &self,
        request: &Request<'_>,
        message: &Message<'_>,
        now: WallTime,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let topic = message.text("TopicArn").unwrap_or_default();
        if !self.topics.is_empty() && !self.topics.iter().any(|wanted| wanted == topic) {
            return Err(Rejection::OtherRecipient {
                what: "topic",
                found: topic.to_owned(),
            });
        }
        let sent = message.text("Timestamp").unwrap_or_default();
        if let Some(tolerance) = self.tolerance {
            let malformed = || Rejection::MalformedTimestamp {
                place: "Timestamp".to_owned(),
            };
            tolerance.check(rfc3339::parse(sent).ok_or_else(malformed)?, now)?;
        }
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let id = message.text("MessageId").filter(|id| !id.is_empty());
        let event = |id: &str| ProviderEvent {
            provider_id: Some(id.to_owned()),
            kind: self.kind(message).into_owned(),
            subject: None,
            account: Some(topic.to_owned()),
            created: time::created(sent),
            dedup: DedupBasis::SignedId(id.to_owned()),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: None,
            unreadable: None,
            headers: headers(),
            payload: request.body.clone(),
        };
        let read = id.map(event).ok_or_else(|| Rejection::MissingField {
            what: "event id",
            place: "`/MessageId`".to_owned(),
        });
        let digest = || digest_of([message.signed.as_bytes()]);
        let event = ProviderEvent::or_unreadable(read, digest, headers, request.body);
        Ok(vec![event])
    }

    /// The type of an event: that of the message, if it is JSON with a type, else that of SNS.
    fn kind<'m>(&self, message: &'m Message<'_>) -> Cow<'m, str> {
        let of_sns = message.text("Type").unwrap_or_default();
        if of_sns != NOTIFICATION {
            return of_sns.into();
        }
        let text = message.text("Message").unwrap_or_default();
        let found = json::pluck_borrowed(text.as_bytes(), &self.types);
        let found = found.unwrap_or_default();
        let mut types = found.iter().flatten().filter_map(Plucked::as_text);
        types
            .next()
            .map_or(of_sns.into(), |found| found.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_on_hosts_of_sns_are_certificates() {
        for url in [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0f1e2d.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0f1e2d.pem",
            "https://SNS.us-gov-west-1.amazonaws.com/a.pem",
        ] {
            assert!(is_certificate(url), "{url}");
        }
        for url in [
            "http://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.crt",
            "https://sns.us-east-1.amazonaws.com/?x=.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem?x=.pem",
            "https://sns.us-east-1.amazonaws.com/a#.pem",
            "https://sns.us-east-1.amazonaws.com/%3f.pem",
            "https://sns.us-east-1.amazonaws.com:8443/a.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
            "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
            "https://sns.evil.example/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://sns.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "https://evilsns.us-east-1.amazonaws.com/a.pem",
            "",
        ] {
            assert!(!is_certificate(url), "{url}");
        }
    }
}
