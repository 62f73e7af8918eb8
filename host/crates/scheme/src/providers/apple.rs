//! Apple: App Store Server Notifications V2. The body is `{"signedPayload": …}`, a JWS (ES256)
//! with the certificates of its signer.
//!
//! The certificates must lead to Apple's root and carry Apple's marks for the App Store. They are
//! checked as of the time of signing, as Apple's own libraries check them offline, but not as of
//! longer ago than Apple resends: who has found an old key of Apple's cannot write back into the
//! time of its certificate.
//!
//! Handlers get the payload of the JWS. Inside it Apple signs the transaction, the renewal and the
//! app's transaction once more, each as a JWS of the same form. Each is checked, and its payload is
//! put beside it: `transactionInfo` beside `signedTransactionInfo`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::Duration;

use crate::chain::{Chain, ChainChecker, ChainRules, Root};
use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::jws::{Jws, JwsAlgorithm};
use crate::key_ring::KeyRing;
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
use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::json::{self, Plucked, PointerSet};
use tollgate_base::rfc3339::digits;
use tollgate_base::time::WallTime;

/// The place of the signature.
const PLACE: &str = "/signedPayload";
/// The number of certificates in each JWS: the signer's, its authority's and the root's.
const CERTIFICATES: usize = 3;
/// The extension of a certificate that signs for the App Store: 1.2.840.113635.100.6.11.1.
const SIGNER: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x63\x64\x06\x0b\x01";
/// The extension of the authority above it: 1.2.840.113635.100.6.2.1.
const AUTHORITY: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x63\x64\x06\x02\x01";
/// Apple resends for 157 hours after the first try.
const RESENDS_FOR: Duration = Duration::from_secs(7 * 86_400);
const PRODUCTION: &str = "Production";
const SANDBOX: &str = "Sandbox";

/// The subject of Apple Root CA - G3, as in the certificate with the SHA-256 63343abf b89a6a03
/// ebb57e9b 3f5fa7be 7c4f5c75 6f3017b3 a8c488c3 653e9179 (apple.com/certificateauthority), …
pub(crate) const ROOT_NAME: &[u8] =
    b"1\x1b0\x19\x06\x03U\x04\x03\x0c\x12Apple Root CA - G31&0$\x06\x03U\x04\
    \x0b\x0c\x1dApple Certification Authority1\x130\x11\x06\x03U\x04\x0a\x0c\x0aApple Inc.1\x0b0\
    \x09\x06\x03U\x04\x06\x13\x02US";
/// … and its key, an elliptic curve point on P-384.
pub(crate) const ROOT_KEY: &[u8] =
    b"0\x10\x06\x07*\x86H\xce=\x02\x01\x06\x05+\x81\x04\x00\"\x03b\x00\x04\
    \x98\xe9\x2f\x3d\x40\x72\xa4\xed\x93\x22\x72\x81\x13\x1c\xdd\x10\
    \x95\xf1\xc5\xa3\x4e\x71\xdc\x14\x16\xd9\x0e\xe5\xa6\x05\x2a\x77\
    \x64\x7b\x5f\x4e\x38\xd3\xbb\x1c\x44\xb5\x7f\xf5\x1f\xb6\x32\x62\
    \x5d\xc9\xe9\x84\x5b\x4f\x30\x4f\x11\x5a\x00\xfd\x58\x58\x0c\xa5\
    \xf5\x0f\x2c\x4d\x07\x47\x13\x75\xda\x97\x97\x97\x6f\x31\x5c\xed\
    \x2b\x9d\x7b\x20\x3b\xd8\xb9\x54\xd9\x5e\x99\xa4\x3a\x51\x0a\x31";

/// Where the payload of a nested JWS stands, and the name of its decoded payload.
const NESTED: [(&str, &str); 3] = [
    ("/data/signedTransactionInfo", "transactionInfo"),
    ("/data/signedRenewalInfo", "renewalInfo"),
    ("/appData/signedAppTransactionInfo", "appTransactionInfo"),
];
/// The objects that say for which app a notification is, in Apple's order.
const CONTAINERS: [&str; 4] = ["data", "summary", "externalPurchaseToken", "appData"];

/// The values that are read from a notification.
struct Places {
    pointers: PointerSet,
    nested: PointerSet,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    const PLAIN: [&str; 5] = [
        "/signedDate",
        "/notificationUUID",
        "/notificationType",
        "/subtype",
        "/externalPurchaseToken/externalPurchaseId",
    ];
    let mut pointers = PointerSet::new(&PLAIN).expect("they are pointers");
    for container in CONTAINERS {
        for name in ["bundleId", "appAppleId", "environment"] {
            let pointer = format!("/{container}/{name}");
            pointers.add(&pointer).expect("it is a pointer");
        }
    }
    let nested = PointerSet::new(&NESTED.map(|(at, _)| at)).expect("they are pointers");
    Places { pointers, nested }
});

struct Apple {
    signers: ChainChecker,
    /// Whether the root is the one that this program knows.
    built_in: bool,
    bundle_id: String,
    app_apple_id: Option<String>,
    environment: Option<&'static str>,
    /// `None` unless the source sets it: Apple resends for days, and does not sign anew.
    tolerance: Option<Tolerance>,
    payload: PointerSet,
}

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    let roots = reader.optional_keys(Root::read);
    let built_in = roots.len() == 0;
    let roots = match built_in {
        true => KeyRing::new([(Root::known(ROOT_NAME, ROOT_KEY), None)]),
        false => roots,
    };
    let bundle_id = reader.param(
        "bundle_id",
        "the app's bundle id, such as `com.example.app`",
    );
    let environment = environment(&mut reader);
    let app_apple_id = match environment {
        Some(SANDBOX) => reader.optional_param("app_apple_id"),
        _ => reader.param(
            "app_apple_id",
            "the number that App Store Connect shows as Apple ID of the app; leave it out only \
             with `environment = \"Sandbox\"`",
        ),
    };
    let tolerance = reader.tolerance();
    let payload = PointerSet::new(&[PLACE]).expect("it is a pointer");
    let scheme = bundle_id.map(|bundle_id| Apple {
        signers: ChainChecker::new(roots, rules()),
        built_in,
        bundle_id,
        app_apple_id,
        environment,
        tolerance,
        payload,
    });
    let scheme = reader.finish(scheme)?;
    Ok(Box::new(scheme))
}

/// What Apple's certificates must be for.
pub(crate) fn rules() -> ChainRules {
    ChainRules {
        own_extension: Some(SIGNER.to_vec()),
        issuer_extension: Some(AUTHORITY.to_vec()),
    }
}

/// Reads the setting `environment`. `None` for both.
fn environment(reader: &mut SettingsReader<'_>) -> Option<&'static str> {
    let text = reader.optional_param("environment")?;
    let known = [PRODUCTION, SANDBOX];
    let found = known
        .into_iter()
        .find(|one| one.eq_ignore_ascii_case(&text));
    if found.is_none() {
        let message = format!("there are `{PRODUCTION}` and `{SANDBOX}`; leave it out for both");
        reader.mistake(Setting::Param("environment".to_owned()), message);
    }
    found
}

/// What says for which app a notification is.
struct Recipient<'p> {
    bundle_id: &'p str,
    app_apple_id: &'p str,
    environment: Cow<'p, str>,
}

/// The values of a payload whose signature holds.
struct Notification<'p> {
    found: Vec<Option<Plucked<'p>>>,
}

impl<'p> Notification<'p> {
    fn read(payload: &'p [u8]) -> Result<Self, Rejection> {
        let found = json::pluck_borrowed(payload, &PLACES.pointers)?;
        Ok(Self { found })
    }

    fn text(&self, at: usize) -> Option<&str> {
        self.found.get(at)?.as_ref()?.as_text()
    }

    fn named(&self, at: usize, what: &'static str, place: &str) -> Result<&str, Rejection> {
        self.text(at).ok_or_else(|| Rejection::MissingField {
            what,
            place: place.to_owned(),
        })
    }

    /// The app that the notification is for, as the first container says that has a bundle id.
    fn recipient(&self) -> Option<Recipient<'_>> {
        let of = |index: usize| {
            let first = 5 + 3 * index;
            let text = |at: usize| self.text(first + at);
            let bundle_id = text(0)?;
            let environment = match CONTAINERS[index] {
                // It has no field of its own.
                "externalPurchaseToken" => {
                    let id = self.text(4).unwrap_or_default();
                    let is_test = id.starts_with("SANDBOX");
                    if is_test { SANDBOX } else { PRODUCTION }
                }
                _ => text(2).unwrap_or_default(),
            };
            Some(Recipient {
                bundle_id,
                app_apple_id: text(1).unwrap_or_default(),
                environment: environment.into(),
            })
        };
        (0..CONTAINERS.len()).find_map(of)
    }
}

impl Scheme for Apple {
    fn sign_with_key(
        &self,
        key: &StandInKey,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let failed = RefCell::new(None);
        let nested = |_, plain: &[u8]| match key.jws(JwsAlgorithm::Es256, "", plain) {
            Ok(token) => Some(Cow::Owned(format!("\"{token}\"").into_bytes())),
            Err(error) => {
                *failed.borrow_mut() = Some(error);
                None
            }
        };
        let payload = json::replace(&unsigned.body, &PLACES.nested, nested);
        let payload = payload.map_err(|why| SignError::Unsignable(why.to_string()))?;
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let token = key.jws(JwsAlgorithm::Es256, "", &payload)?;
        Ok(SignedRequest {
            headers: unsigned.headers,
            body: format!("{{\"signedPayload\":\"{token}\"}}").into(),
            query: None,
        })
    }

    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let found = json::pluck_borrowed(request.body, &self.payload)?;
        let Some(Some(Plucked::Text(token))) = found.first() else {
            return Err(Rejection::NoKnownSignature {
                place: "the body".to_owned(),
                wanted: PLACE.to_owned(),
            });
        };
        let (root, payload) = self.open(token, "/signedDate", now)?;
        let notification = Notification::read(&payload)?;
        self.check_recipient(notification.recipient().as_ref())?;
        let signed = notification.text(0).and_then(time::created);
        if let Some(tolerance) = self.tolerance {
            let malformed = || Rejection::MalformedTimestamp {
                place: "/signedDate".to_owned(),
            };
            tolerance.check(signed.ok_or_else(malformed)?, now)?;
        }
        let headers = || recorded(request.headers, &ALWAYS_RECORDED);
        let read = self.event(&notification, &payload, headers(), now);
        let digest = || digest_of([&payload[..]]);
        let event = ProviderEvent::or_unreadable(read, digest, headers, request.body);
        Ok(((!self.built_in).then_some(root), vec![event]))
    }

    fn checks_time(&self) -> bool {
        self.tolerance.is_some()
    }

    fn has_mode(&self) -> bool {
        true
    }

    fn warnings(&self) -> Vec<String> {
        let timeless = self.tolerance.is_none();
        let warning = timeless.then(|| warnings::TIME_UNCHECKED.to_owned());
        warning.into_iter().collect()
    }
}

impl Apple {
    /// The payload of a JWS that Apple has signed, and the index of the root. `dated` points to the
    /// time of signing in the payload.
    fn open(&self, token: &str, dated: &str, now: WallTime) -> Result<(usize, Vec<u8>), Rejection> {
        let malformed = |why: &str| Rejection::malformed_signature(PLACE, why);
        let token = Jws::read(token, PLACE, JwsAlgorithm::Es256)?;
        let chain = Chain::read(token.x5c()).map_err(malformed)?;
        if chain.len() != CERTIFICATES {
            return Err(malformed("it does not come with three certificates"));
        }
        let key = chain.key(JwsAlgorithm::Es256.key_kind());
        let key = key.map_err(|why| Rejection::UntrustedKey {
            why: format!("its certificate {why}"),
        })?;
        if !token.is_signed_by(&JwsAlgorithm::Es256.key(key)) {
            return Err(Rejection::SignatureMismatch {
                signatures: 1,
                secrets: 1,
            });
        }
        let at = signed_at(&token.payload, dated, now);
        let root = self.signers.root(&chain, at, now)?;
        Ok((root, token.payload))
    }

    /// Refuses what Apple has signed for somebody else: anybody can have an app.
    fn check_recipient(&self, recipient: Option<&Recipient<'_>>) -> Result<(), Rejection> {
        let other = |what, found: &str| {
            Err(Rejection::OtherRecipient {
                what,
                found: found.to_owned(),
            })
        };
        let Some(recipient) = recipient else {
            return other("bundle id", "");
        };
        if recipient.bundle_id != self.bundle_id {
            return other("bundle id", recipient.bundle_id);
        }
        let wanted = self.environment;
        if wanted.is_some_and(|wanted| wanted != recipient.environment) {
            return other("environment", &recipient.environment);
        }
        let app = self.app_apple_id.as_deref();
        if recipient.environment == PRODUCTION && app != Some(recipient.app_apple_id) {
            return other("Apple ID", recipient.app_apple_id);
        }
        Ok(())
    }

    fn event(
        &self,
        notification: &Notification<'_>,
        payload: &[u8],
        headers: Headers,
        now: WallTime,
    ) -> Result<ProviderEvent, Rejection> {
        let id = notification.named(1, "event id", "`/notificationUUID`")?;
        let kind = notification.named(2, "event type", "`/notificationType`")?;
        let kind = match notification.text(3) {
            Some(subtype) => format!("{kind}.{subtype}"),
            None => kind.to_owned(),
        };
        let recipient = notification.recipient();
        let environment = recipient.as_ref().map(|recipient| &*recipient.environment);
        let nested = self.nested(payload, environment.unwrap_or_default(), now)?;
        let account = recipient.as_ref().map(|recipient| recipient.bundle_id);
        Ok(ProviderEvent {
            provider_id: Some(id.to_owned()),
            kind,
            subject: nested.iter().find_map(|nested| nested.subject.clone()),
            account: account.map(str::to_owned),
            created: notification.text(0).and_then(time::created),
            dedup: DedupBasis::SignedId(id.to_owned()),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: match environment {
                Some(PRODUCTION) => Some(true),
                Some(SANDBOX) => Some(false),
                _ => None,
            },
            unreadable: None,
            headers,
            payload: with_nested(payload, &nested)?.into(),
        })
    }

    /// The checked payloads of the JWS inside a payload.
    fn nested(
        &self,
        payload: &[u8],
        environment: &str,
        now: WallTime,
    ) -> Result<Vec<Nested>, Rejection> {
        let found = json::pluck_borrowed(payload, &PLACES.nested)?;
        let mut nested = Vec::new();
        for (at, value) in found.iter().enumerate() {
            let Some(Plucked::Text(token)) = value else {
                continue;
            };
            let dated = match NESTED[at].1 {
                "appTransactionInfo" => "/receiptCreationDate",
                _ => "/signedDate",
            };
            let (_, payload) = self.open(token, dated, now)?;
            nested.push(Nested::read(at, payload, &self.bundle_id, environment)?);
        }
        Ok(nested)
    }
}

/// The payload of a JWS inside a notification.
struct Nested {
    /// Its index in [`NESTED`].
    at: usize,
    payload: Vec<u8>,
    /// The transaction that all renewals share.
    subject: Option<String>,
}

impl Nested {
    /// Reads a payload, which must be for this app and environment.
    fn read(
        at: usize,
        payload: Vec<u8>,
        bundle_id: &str,
        environment: &str,
    ) -> Result<Self, Rejection> {
        let place = NESTED[at].0;
        let mode = match NESTED[at].1 {
            "appTransactionInfo" => "/receiptType",
            _ => "/environment",
        };
        let pointers = PointerSet::new(&["/bundleId", mode, "/originalTransactionId"]);
        let found = json::pluck_borrowed(&payload, &pointers.expect("they are pointers"))?;
        let text = |at: usize| found.get(at)?.as_ref()?.as_text();
        let other = |what, found: &str| Rejection::OtherRecipient {
            what,
            found: format!("{found} in {place}"),
        };
        // A renewal names no app.
        if text(0).is_some_and(|found| found != bundle_id) {
            return Err(other("bundle id", text(0).unwrap_or_default()));
        }
        if text(1) != Some(environment) {
            return Err(other("environment", text(1).unwrap_or_default()));
        }
        let subject = text(2).map(str::to_owned);
        Ok(Self {
            at,
            payload,
            subject,
        })
    }
}

/// The time as of which certificates must hold: that of signing, but not in the future, and not
/// longer ago than Apple resends.
fn signed_at(payload: &[u8], dated: &str, now: WallTime) -> WallTime {
    let pointer = PointerSet::new(&[dated]).expect("it is a pointer");
    let found = json::pluck_borrowed(payload, &pointer).ok();
    let dated = found.as_ref().and_then(|found| found.first()?.as_ref());
    let signed = dated.and_then(|dated| digits(dated.as_text()?));
    let signed = signed.map_or(now, WallTime::from_millis);
    signed.clamp(now - RESENDS_FOR, now)
}

/// The payload of a notification with the payloads of the JWS inside it beside them.
fn with_nested(payload: &[u8], nested: &[Nested]) -> Result<Vec<u8>, Rejection> {
    let with = |at: usize, raw: &[u8]| -> Option<Cow<'static, [u8]>> {
        let nested = nested.iter().find(|nested| nested.at == at)?;
        let key = format!(",\"{}\":", NESTED[at].1);
        Some([raw, key.as_bytes(), &nested.payload].concat().into())
    };
    Ok(json::replace(payload, &PLACES.nested, with)?)
}
