//! PayPal: an RSA signature over the transmission's id and time, the webhook's id and the
//! CRC32 of the body.
//!
//! A CRC32 is no cryptographic hash: an attacker who has captured one delivery can write another
//! body with the same CRC32. The transmission's id is truly signed, so duplicates are recognised by
//! that id: a captured delivery cannot become a second event. Duplicates are recognised by the
//! event's id as well, since an event that is resent by hand has a new transmission.
//!
//! A request names the certificate of its signature by a URL, which must be PayPal's. The
//! certificate is fetched from there, or from the same path at `keys_from`. The certificate must
//! lead to a root that this machine trusts and be for PayPal's signers. PayPal's own libraries ship
//! the certificates between, as if none came with PayPal's certificate. Here the issuer's
//! certificate is fetched from PayPal's certificate authority, if the certificate names a URL
//! there; `intermediates` gives others. If the secrets are certificates (PEM), these alone count
//! and nothing is fetched.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use crate::certificate_source::{CertificateSource, is_under};
use crate::certificates::CertificateTrust;
use crate::encoding::SignatureEncoding;
use crate::fetched_key::{FetchedKey, KeyError, KeyRequest};
use crate::headers::{ALWAYS_RECORDED, header, recorded};
use crate::invalid_key::InvalidKey;
use crate::key_ring::KeyRing;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::stand_in::StandInKey;
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::{EqualBytes, ProviderEvent};
use crate::verifier::Scheme;
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, PointerSet};
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

const ID: &str = "paypal-transmission-id";
const TIME: &str = "paypal-transmission-time";
const SIGNATURE: &str = "paypal-transmission-sig";
pub(crate) const CERTIFICATE: &str = "paypal-cert-url";
const ALGORITHM: &str = "paypal-auth-algo";
/// The names in PayPal's certificates for signing webhooks: live, and in the sandbox.
const SIGNERS: &[&str] = &[
    "messageverificationcerts.paypal.com",
    "messageverificationcerts.sandbox.paypal.com",
];
const DOMAIN: &str = ".paypal.com";
/// The domain of the sandbox, whose hosts have the certificates of test mode.
const SANDBOX: &str = ".sandbox.paypal.com";
/// The domain of PayPal's certificate authority.
const AUTHORITY: &str = ".digicert.com";
/// The certificate that requests name which are signed with a stand-in for PayPal's key.
const STAND_IN: &str = "https://api.paypal.com/v1/notifications/certs/CERT-stand-in";

struct Paypal {
    keys: KeyRing<UnparsedPublicKey<Vec<u8>>>,
    source: CertificateSource,
    webhook_id: String,
    /// `None` unless the source sets it: PayPal resends for three days.
    tolerance: Option<Tolerance>,
    pointers: PointerSet,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let keys = reader.optional_keys(public_key);
    let webhook_id = reader.param(
        "webhook_id",
        "the webhook's id, as PayPal's dashboard shows it",
    );
    let tolerance = reader.tolerance();
    if keys.len() > 0 {
        CertificateSource::reject_settings(&mut reader);
    }
    let source = CertificateSource::read(&mut reader, AUTHORITY);
    let pointers = PointerSet::new(&[
        "/id",
        "/event_type",
        "/create_time",
        "/resource/id",
        "/resource/dispute_id",
    ]);
    let pointers = pointers.expect("they are pointers");
    let scheme = webhook_id.map(|webhook_id| Paypal {
        keys,
        source,
        webhook_id,
        tolerance,
        pointers,
    });
    let scheme = reader.finish(scheme)?;
    Ok(Box::new(scheme))
}

/// The key in a certificate or in a bare public key.
fn public_key(secret: &Secret) -> Result<UnparsedPublicKey<Vec<u8>>, InvalidKey> {
    let key = pem::public_key(secret.expose(), KeyKind::Rsa)?;
    Ok(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key))
}

/// The signature of a request, with the text that it covers.
struct Transmission<'r> {
    id: &'r str,
    sent: &'r str,
    certificate: &'r str,
    signature: Vec<u8>,
    signed: String,
}

impl Scheme for Paypal {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let transmission = self.transmission(request)?;
        if self.keys.len() == 0 {
            return Err(Rejection::KeyNeeded {
                id: transmission.certificate.to_owned(),
            });
        }
        let secret = self
            .keys
            .matching(now, 1, |key| transmission.is_signed_by(key))?;
        Ok((Some(secret), self.events(request, &transmission, now)?))
    }

    fn verify_with(
        &self,
        request: &Request<'_>,
        now: WallTime,
        id: &str,
        key: &FetchedKey,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        let transmission = self.transmission(request)?;
        if transmission.certificate != id || !transmission.is_signed_by(&key.key) {
            return Err(Rejection::SignatureMismatch {
                signatures: 1,
                secrets: 1,
            });
        }
        self.events(request, &transmission, now)
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some()
    }

    fn has_mode(&self) -> bool {
        true
    }

    fn key_request(&self, id: &str, _: WallTime) -> Option<KeyRequest> {
        if self.keys.len() > 0 || !is_paypals(id) {
            return None;
        }
        Some(self.source.get(id))
    }

    fn read_key(
        &self,
        _: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: WallTime,
    ) -> Result<FetchedKey, KeyError> {
        let own = self.source.certificate(answer, trust, SIGNERS, now)?;
        let key = pem::certificate_key(&own, KeyKind::Rsa).map_err(KeyError::InvalidKey)?;
        Ok(FetchedKey {
            key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key),
            expired: None,
        })
    }

    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let UnsignedRequest { body, mut headers } = unsigned;
        let id = hex::encode(&Sha256::digest(&body)[..16]);
        for (name, value) in [
            (ID, id.as_str()),
            (TIME, &rfc3339::format(now)),
            (CERTIFICATE, STAND_IN),
            (ALGORITHM, "SHA256withRSA"),
            (SIGNATURE, "AA=="),
        ] {
            if name == SIGNATURE || !headers.contains_key(name) {
                set_header(&mut headers, name, value)?;
            }
        }
        let request = Request {
            method: &http::Method::POST,
            url: "/",
            headers: &headers,
            body: &body,
        };
        let unsignable = |why: Rejection| SignError::Unsignable(why.to_string());
        let signed = self.transmission(&request).map_err(unsignable)?.signed;
        let signature = key.rsa_sha256(signed.as_bytes())?;
        set_header(
            &mut headers,
            SIGNATURE,
            &SignatureEncoding::Base64.encode(&signature),
        )?;
        Ok(SignedRequest {
            headers,
            body,
            query: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "PayPal signs a CRC32 of the body, which is no hash: an attacker who captures a \
             delivery can forge another body for it; duplicates are recognised by the \
             transmission's id, so the forged body makes no second event"
                .to_owned(),
        ]
    }
}

impl Transmission<'_> {
    /// Whether this key made the signature.
    fn is_signed_by(&self, key: &UnparsedPublicKey<Vec<u8>>) -> bool {
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

impl Paypal {
    /// The parts of the signature, not checked yet.
    fn transmission<'r>(&self, request: &Request<'r>) -> Result<Transmission<'r>, Rejection> {
        let text = |name| header(request.headers, name);
        let (id, sent) = (text(ID)?, text(TIME)?);
        let signature = SignatureEncoding::Base64
            .decode(text(SIGNATURE)?)
            .map_err(|why| Rejection::malformed_signature(SIGNATURE, why))?;
        if text(ALGORITHM)? != "SHA256withRSA" {
            return Err(Rejection::NoKnownSignature {
                place: ALGORITHM.to_owned(),
                wanted: "SHA256withRSA".to_owned(),
            });
        }
        let certificate = text(CERTIFICATE)?;
        if !is_paypals(certificate) {
            let why = format!("`{CERTIFICATE}` is not an https URL of paypal.com");
            return Err(Rejection::UntrustedKey { why });
        }
        // A separator inside a part would let the signed text be split in another way.
        if id.is_empty() || id.contains('|') || sent.contains('|') {
            let why = "it is empty or holds a `|`";
            return Err(Rejection::malformed_signature(ID, why));
        }
        let checksum = crc32fast::hash(request.body);
        let signed = format!("{id}|{sent}|{}|{checksum}", self.webhook_id);
        Ok(Transmission {
            id,
            sent,
            certificate,
            signature,
            signed,
        })
    }

    /// The event of a request whose signature is valid.
    fn events(
        &self,
        request: &Request<'_>,
        transmission: &Transmission<'_>,
        now: WallTime,
    ) -> Result<Vec<ProviderEvent>, Rejection> {
        if let Some(tolerance) = self.tolerance {
            let malformed = || Rejection::MalformedTimestamp {
                place: TIME.to_owned(),
            };
            let sent = rfc3339::parse(transmission.sent).ok_or_else(malformed)?;
            tolerance.check(sent, now)?;
        }
        let names = ALWAYS_RECORDED.iter().map(http::HeaderName::as_str);
        let headers = || recorded(request.headers, names.clone().chain([ID, TIME]));
        let read = self.event(request, transmission, headers());
        let mut event = ProviderEvent::or_unreadable(read, || [0; 32], headers, request.body);
        // Of an event that cannot be read too: another body for the same transmission is no other
        // event.
        event.dedup = DedupBasis::SignedId(transmission.id.to_owned());
        Ok(vec![event])
    }

    fn event(
        &self,
        request: &Request<'_>,
        transmission: &Transmission<'_>,
        headers: Headers,
    ) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck_borrowed(request.body, &self.pointers)?;
        let text = |at: usize| {
            let value = found.get(at)?.as_ref()?.as_text()?;
            Some(value.to_owned())
        };
        let missing = |what, place: &str| Rejection::MissingField {
            what,
            place: place.to_owned(),
        };
        let event = text(0).ok_or_else(|| missing("event id", "`/id`"))?;
        Ok(ProviderEvent {
            more_dedup: vec![DedupBasis::Fields(vec!["event".to_owned(), event.clone()])],
            provider_id: Some(event),
            kind: text(1).ok_or_else(|| missing("event type", "`/event_type`"))?,
            // A dispute has its own name for its id.
            subject: text(3).or_else(|| text(4)),
            account: None,
            created: text(2).as_deref().and_then(time::created),
            dedup: DedupBasis::SignedId(transmission.id.to_owned()),
            equal_bytes: EqualBytes::SameFact,
            live: Some(!is_under(SANDBOX, transmission.certificate)),
            unreadable: None,
            headers,
            payload: request.body.clone(),
        })
    }
}

/// Whether the URL of a certificate is PayPal's.
pub(crate) fn is_paypals(url: &str) -> bool {
    is_under(DOMAIN, url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paypals_own_hosts_are_trusted() {
        for url in [
            "https://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://API.PayPal.com/x",
        ] {
            assert!(is_paypals(url), "{url}");
        }
        for url in [
            "http://api.paypal.com/x",
            "https://paypal.com.evil.example/x",
            "https://evilpaypal.com/x",
            "https://evil.example/api.paypal.com",
            "https://api.paypal.com@evil.example/x",
            "https://api.paypal.com:8443/x",
            "https://evil.example#.paypal.com",
            "//api.paypal.com",
            "https://evil.example\\.paypal.com/",
            "https://paypal.com/x",
            "",
        ] {
            assert!(!is_paypals(url), "{url}");
        }
    }
}
