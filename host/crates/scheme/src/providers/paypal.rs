//! PayPal: an RSA signature over the transmission's id and time, the webhook's id and the
//! CRC32 of the body.
//!
//! A CRC32 is no hash: whoever has captured one delivery can write another body with the
//! same CRC32 behind it. The transmission's id is signed and the body's is not truly, so
//! duplicates are told by the former: of one captured delivery no second event can be made.
//! They are told by the event's id as well, since an event that is sent again by hand has a
//! transmission of its own.
//!
//! A request names the certificate that it is signed with by URL, which must be PayPal's. It is
//! fetched from there, or from the same path at `keys_from`, and must lead to a root that this
//! machine trusts and be for PayPal's signers. PayPal's own libraries bring the certificates
//! between it and the root along, as if none came with it. Here its issuer's is fetched from
//! PayPal's certificate authority, where the certificate says so, and others can be given as
//! `intermediates`. Where certificates (PEM) are given as secrets, these alone count and nothing
//! is fetched.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::encoding::SignatureEncoding;
use crate::fetched::{
    CertificateTrust, FetchedKey, Intermediates, KeyRequest, KeyTrouble, Untrusted,
};
use crate::headers::{ALWAYS, header, recorded};
use crate::issuer;
use crate::keys::Keys;
use crate::pem::{self, KeyKind};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Setting, Settings};
use crate::settings_reader::{KEYS_FROM, Reader};
use crate::time;
use crate::tolerance::Tolerance;
use crate::verified::ProviderEvent;
use crate::verifier::Scheme;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, PointerSet};
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

const ID: &str = "paypal-transmission-id";
const TIME: &str = "paypal-transmission-time";
const SIGNATURE: &str = "paypal-transmission-sig";
pub(crate) const CERTIFICATE: &str = "paypal-cert-url";
const ALGORITHM: &str = "paypal-auth-algo";
/// Whom PayPal's certificates for signing webhooks are for: live, and in its sandbox.
const SIGNERS: &[&str] = &[
    "messageverificationcerts.paypal.com",
    "messageverificationcerts.sandbox.paypal.com",
];
/// The setting that names certificates between PayPal's and a root.
const INTERMEDIATES: &str = "intermediates";
const DOMAIN: &str = ".paypal.com";
/// The certificate authority that PayPal's certificates are of.
const AUTHORITY: &str = ".digicert.com";
/// A URL of a certificate has about 70 characters.
const LONGEST_URL: usize = 256;

struct Paypal {
    keys: Keys<UnparsedPublicKey<Vec<u8>>>,
    /// Where certificates are fetched from instead of PayPal's hosts.
    keys_from: Option<String>,
    intermediates: Intermediates,
    webhook_id: String,
    /// Checked only where the source asks for it: PayPal resends for three days.
    tolerance: Option<Tolerance>,
    pointers: PointerSet,
}

/// The scheme with a source's settings.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = Reader::new(name, settings);
    let keys = reader.optional_keys(public_key);
    let webhook_id = reader.param(
        "webhook_id",
        "the webhook's id, as PayPal's dashboard shows it",
    );
    let tolerance = reader.tolerance();
    if keys.len() > 0 {
        let why = "with certificates as `secrets` none is";
        reader.fetches_nothing(&[KEYS_FROM, INTERMEDIATES], why);
    }
    let keys_from = reader.keys_from();
    let intermediates = intermediates(&mut reader);
    let pointers = PointerSet::new(&["/id", "/event_type", "/create_time", "/resource/id"]);
    let pointers = pointers.expect("they are pointers");
    let made = webhook_id.map(|webhook_id| Paypal {
        keys,
        keys_from,
        intermediates,
        webhook_id,
        tolerance,
        pointers,
    });
    let made = reader.finish(made)?;
    Ok(Box::new(made))
}

fn intermediates(reader: &mut Reader<'_>) -> Intermediates {
    let given = reader.optional_param(INTERMEDIATES);
    let read = given.map_or_else(
        || Ok(Intermediates::default()),
        |pem| Intermediates::read(&pem),
    );
    read.unwrap_or_else(|why| {
        let message = format!("`{INTERMEDIATES}` {why}");
        reader.mistake(Setting::Param(INTERMEDIATES.to_owned()), message);
        Intermediates::default()
    })
}

/// The key of a certificate, or a bare public key.
fn public_key(secret: &Secret) -> Result<UnparsedPublicKey<Vec<u8>>, String> {
    let key = pem::public_key(secret.expose(), KeyKind::Rsa)?;
    Ok(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key))
}

/// What a request says of its signature.
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
        let secret = self.keys.which(now, 1, |key| transmission.holds(key))?;
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
        if transmission.certificate != id || !transmission.holds(&key.key) {
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

    fn key_request(&self, id: &str, _: WallTime) -> Option<KeyRequest> {
        if self.keys.len() > 0 || !is_paypals(id) {
            return None;
        }
        Some(self.get(id))
    }

    fn read_key(
        &self,
        _: &str,
        answer: &[u8],
        trust: &CertificateTrust,
        now: WallTime,
    ) -> Result<FetchedKey, KeyTrouble> {
        let own = trust
            .check(answer, &self.intermediates, SIGNERS, now)
            .map_err(|untrusted| self.trouble(untrusted))?;
        let key = pem::certificate_key(&own, KeyKind::Rsa)
            .map_err(|why| KeyTrouble::Unusable(format!("its certificate {why}")))?;
        Ok(FetchedKey {
            key: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key),
            expired: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "PayPal signs a CRC32 of the body, which is no hash: whoever captures a delivery \
             can forge another body for it; duplicates are told by the transmission's id, so \
             that this makes no second event"
                .to_owned(),
        ]
    }
}

impl Transmission<'_> {
    fn holds(&self, key: &UnparsedPublicKey<Vec<u8>>) -> bool {
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

impl Paypal {
    /// How to get what is at this URL.
    fn get(&self, url: &str) -> KeyRequest {
        let url = match &self.keys_from {
            Some(origin) => format!("{origin}{}", target(url)),
            None => url.to_owned(),
        };
        KeyRequest {
            url,
            anywhere: self.keys_from.is_some(),
            body: None,
        }
    }

    /// What to do about a certificate that is not trusted: its issuer's may help.
    fn trouble(&self, Untrusted { why, unlinked }: Untrusted) -> KeyTrouble {
        let issuer = unlinked.as_deref().and_then(issuers_url);
        match issuer {
            Some(url) => KeyTrouble::IssuerNeeded {
                request: self.get(&url),
                why,
            },
            None => KeyTrouble::Unusable(why),
        }
    }

    /// The signature's parts, none of them believed yet.
    fn transmission<'r>(&self, request: &Request<'r>) -> Result<Transmission<'r>, Rejection> {
        let text = |name| header(request.headers, name);
        let (id, sent) = (text(ID)?, text(TIME)?);
        let signature = SignatureEncoding::Base64
            .decode(text(SIGNATURE)?)
            .map_err(|why| Rejection::MalformedSignature {
                place: SIGNATURE.to_owned(),
                why: why.to_owned(),
            })?;
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
        // Separators within the parts would let the signed text be read in another way.
        if id.is_empty() || id.contains('|') || sent.contains('|') {
            return Err(Rejection::MalformedSignature {
                place: ID.to_owned(),
                why: "it is empty or holds a `|`".to_owned(),
            });
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

    /// The event of a request whose signature holds.
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
        Ok(vec![self.event(request, transmission.id)?])
    }

    fn event(&self, request: &Request<'_>, transmission: &str) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck(request.body, &self.pointers)?;
        let text = |at: usize| {
            let value = found.get(at)?.as_ref()?.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let missing = |what, place: &str| Rejection::MissingField {
            what,
            place: place.to_owned(),
        };
        let headers = recorded(
            request.headers,
            ALWAYS
                .iter()
                .map(http::HeaderName::as_str)
                .chain([ID, TIME]),
        );
        let event = text(0).ok_or_else(|| missing("event id", "`/id`"))?;
        Ok(ProviderEvent {
            also: vec![DedupBasis::Fields(vec!["event".to_owned(), event.clone()])],
            provider_id: Some(event),
            kind: text(1).ok_or_else(|| missing("event type", "`/event_type`"))?,
            subject: text(3),
            account: None,
            created: found
                .get(2)
                .and_then(Option::as_ref)
                .and_then(time::created),
            basis: DedupBasis::SignedId(transmission.to_owned()),
            headers,
            payload: request.body.clone(),
        })
    }
}

/// Whether a certificate's URL is PayPal's.
pub(crate) fn is_paypals(url: &str) -> bool {
    is_under(DOMAIN, url)
}

/// Where the certificate's issuer's is, if it is the authority's. Certificates name it by plain
/// http, as is the custom; the authority has it by https as well.
fn issuers_url(certificate: &[u8]) -> Option<String> {
    let url = issuer::url(certificate)?;
    let rest = url.strip_prefix("http://");
    let url = rest.map_or_else(|| url.to_owned(), |rest| format!("https://{rest}"));
    is_under(AUTHORITY, &url).then_some(url)
}

/// Whether a URL is https, with a host under this domain, no user and no port in it.
fn is_under(domain: &str, url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let visible = url.bytes().all(|byte| byte.is_ascii_graphic());
    plain && visible && url.len() <= LONGEST_URL && host.to_ascii_lowercase().ends_with(domain)
}

/// What follows a URL's host: a path, or nothing.
fn target(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &rest[end..]
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
