//! Keys that a request names and that are fetched from its provider.
//!
//! A scheme says which key it lacks ([`super::Rejection::KeyNeeded`]), how to ask for it, and
//! what it makes of the answer. Who asks, and how often, is for others: nothing here knows of
//! a network.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::UnparsedPublicKey;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::pem;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// Longer chains than this nobody sends.
const CHAIN: usize = 8;

/// A key that was fetched and is trusted.
#[derive(Clone, Debug)]
pub struct FetchedKey {
    pub(super) key: UnparsedPublicKey<Vec<u8>>,
    /// From when on the provider no longer signs with it.
    pub(super) expired: Option<WallTime>,
}

/// What to ask a provider for a key.
#[derive(Debug)]
pub struct KeyRequest {
    /// Where; always `https`.
    pub url: String,
    /// Whether the server may be at an address that is not public: the manifest names it.
    pub anywhere: bool,
    /// The JSON to post; without it, the URL is to be got.
    pub body: Option<Secret>,
}

/// Why there is no key in an answer.
#[derive(Debug, thiserror::Error)]
pub enum KeyTrouble {
    /// What it holds must not be used.
    #[error("{0}")]
    Unusable(String),
    /// The certificate of its issuer is missing, and can be asked for: see [`with_issuer`].
    #[error("{why}")]
    IssuerNeeded {
        /// How to ask for it.
        request: KeyRequest,
        /// Why the answer alone must not be used.
        why: String,
    },
}

/// A chain in PEM with the certificate of its last one's issuer behind it, which is DER or PEM.
pub fn with_issuer(chain: &[u8], issuer: &[u8]) -> Vec<u8> {
    let issuer = match issuer.starts_with(b"-----BEGIN ") {
        true => issuer.to_vec(),
        false => {
            let text = STANDARD.encode(issuer);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into()
        }
    };
    [chain, b"\n", &issuer].concat()
}

/// Why a certificate is not trusted.
#[derive(Debug)]
pub(super) struct Untrusted {
    /// To follow on nothing.
    pub(super) why: String,
    /// The certificate, where nothing leads from it to a root.
    pub(super) unlinked: Option<CertificateDer<'static>>,
}

impl From<String> for Untrusted {
    fn from(why: String) -> Self {
        Self {
            why,
            unlinked: None,
        }
    }
}

/// Certificates between a provider's own and a root, as the manifest gives them. They are not
/// trusted by themselves: they only help to find the way to a root.
#[derive(Debug, Default)]
pub(super) struct Intermediates(Vec<CertificateDer<'static>>);

impl Intermediates {
    /// Reads PEM. The error follows on what the text is called.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let read = read.map_err(|error| format!("holds damaged PEM: {error}"))?;
        if read.is_empty() || read.len() > CHAIN {
            let found = read.len();
            return Err(format!(
                "must be 1 to {CHAIN} certificates in PEM, and holds {found}"
            ));
        }
        match read
            .iter()
            .all(|certificate| pem::is_certificate(certificate))
        {
            true => Ok(Self(read)),
            false => Err("holds a damaged certificate".to_owned()),
        }
    }
}

/// Whom to believe that a certificate is somebody's.
#[derive(Clone, Debug)]
pub struct CertificateTrust(Option<Arc<WebPkiServerVerifier>>);

impl CertificateTrust {
    /// Trusts what these roots have signed; none, if there are no roots.
    pub fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Self(verifier.build().ok())
    }

    /// Checks a chain in PEM, its own certificate first: that it leads to a root, over
    /// `given` where need be, holds now, and is for one of the names. Gives back that
    /// certificate, since the text may hold other things; the error says why not.
    pub(super) fn check(
        &self,
        pem: &[u8],
        given: &Intermediates,
        names: &[&str],
        now: WallTime,
    ) -> Result<CertificateDer<'static>, Untrusted> {
        let Some(verifier) = &self.0 else {
            let why = "this machine has no root certificates to check it by".to_owned();
            return Err(why.into());
        };
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem)
            .take(CHAIN)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("it is no certificate in PEM: {error}"))?;
        let Some((own, above)) = chain.split_first() else {
            return Err("it holds no certificate".to_owned().into());
        };
        let above = [above, &given.0].concat();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
        let mut untrusted = Untrusted::from(String::new());
        for name in names {
            let name = ServerName::try_from(*name).map_err(|error| error.to_string())?;
            match verifier.verify_server_cert(own, &above, &name, &[], now) {
                Ok(_) => return Ok(own.clone().into_owned()),
                Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                    untrusted.why = UNLINKED.to_owned();
                    untrusted.unlinked = Some(own.clone().into_owned());
                }
                Err(error) => untrusted = error.to_string().into(),
            }
        }
        untrusted.why = format!("its certificate is not trusted: {}", untrusted.why);
        Err(untrusted)
    }
}

const UNLINKED: &str = "nothing leads from it to a root certificate of this machine; if the server \
                        leaves out those between, give them as `intermediates`";
