//! PayPal: an RSA signature over the transmission's id and time, the webhook's id and the
//! CRC32 of the body.
//!
//! A CRC32 is no hash: whoever has captured one delivery can write another body with the
//! same CRC32 behind it. The transmission's id is signed and the body's is not truly, so
//! duplicates are told by the former: of one captured delivery no second event can be made.
//! They are told by the event's id as well, since an event that is sent again by hand has a
//! transmission of its own.
//!
//! The secrets are the certificates (PEM) that PayPal signs with; a request names its own by
//! URL, which must be PayPal's.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::declarative::Tolerance;
use super::headers::{ALWAYS, header, recorded};
use super::keys::Keys;
use super::pem::{self, KeyKind};
use super::settings::Reader;
use super::signature::SignatureEncoding;
use super::{BuildError, ProviderEvent, Rejection, Request, Scheme, Settings, time};
use crate::event::{DedupBasis, UnixMillis};
use crate::json::{self, PointerSet};
use crate::secret::Secret;

const ID: &str = "paypal-transmission-id";
const TIME: &str = "paypal-transmission-time";
const SIGNATURE: &str = "paypal-transmission-sig";
pub(super) const CERTIFICATE: &str = "paypal-cert-url";
const ALGORITHM: &str = "paypal-auth-algo";

struct Paypal {
    keys: Keys<UnparsedPublicKey<Vec<u8>>>,
    webhook_id: String,
    /// Checked only where the source asks for it: PayPal resends for three days.
    tolerance: Option<Tolerance>,
    pointers: PointerSet,
}

/// The scheme with a source's settings.
pub(super) fn make(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = Reader::new(name, settings);
    let keys = reader.keys(public_key);
    let webhook_id = reader.param(
        "webhook_id",
        "the webhook's id, as PayPal's dashboard shows it",
    );
    let tolerance = reader.tolerance();
    let pointers = PointerSet::new(&["/id", "/event_type", "/create_time", "/resource/id"]);
    let pointers = pointers.expect("they are pointers");
    let made = webhook_id.map(|webhook_id| Paypal {
        keys,
        webhook_id,
        tolerance,
        pointers,
    });
    let made = reader.finish(made)?;
    Ok(Box::new(made))
}

/// The key of a certificate, or a bare public key.
fn public_key(secret: &Secret) -> Result<UnparsedPublicKey<Vec<u8>>, String> {
    let key = pem::public_key(secret.expose(), KeyKind::Rsa)?;
    Ok(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key))
}

impl Scheme for Paypal {
    fn verify(
        &self,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
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
        if !is_paypals(text(CERTIFICATE)?) {
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
        let signed = format!(
            "{id}|{sent}|{}|{}",
            self.webhook_id,
            crc32fast::hash(request.body)
        );
        let secret = self.keys.which(now, 1, |key| {
            key.verify(signed.as_bytes(), &signature).is_ok()
        })?;
        if let Some(tolerance) = self.tolerance {
            let malformed = || Rejection::MalformedTimestamp {
                place: TIME.to_owned(),
            };
            tolerance.check(time::rfc3339(sent).ok_or_else(malformed)?, now)?;
        }
        Ok((Some(secret), vec![self.event(request, id)?]))
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some()
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

impl Paypal {
    fn event(&self, request: &Request<'_>, transmission: &str) -> Result<ProviderEvent, Rejection> {
        let found = json::pluck(request.body, &self.pointers).map_err(|error| {
            Rejection::MalformedBody {
                why: error.to_string(),
            }
        })?;
        let text = |at: usize| {
            let value = found.get(at)?.as_ref()?.as_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let missing = |what, place: &str| Rejection::MissingField {
            what,
            place: place.to_owned(),
        };
        let mut headers = recorded(request.headers, ALWAYS);
        headers.extend(recorded(request.headers, [ID, TIME]));
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

/// Whether a certificate's URL is PayPal's: https, a host under paypal.com, no user and no
/// port in it.
pub(super) fn is_paypals(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    plain && host.to_ascii_lowercase().ends_with(".paypal.com")
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
