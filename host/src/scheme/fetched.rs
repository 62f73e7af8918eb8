//! Keys that a request names and that are fetched from its provider.
//!
//! A scheme says which key it lacks ([`super::Rejection::KeyNeeded`]), how to ask for it, and
//! what it makes of the answer. Who asks, and how often, is for others: nothing here knows of
//! a network.

use std::sync::Arc;
use std::time::Duration;

use ring::signature::UnparsedPublicKey;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::pem;
use crate::event::UnixMillis;
use crate::secret::Secret;

/// Longer chains than this nobody sends.
const CHAIN: usize = 8;

/// A key that was fetched and is trusted.
#[derive(Clone, Debug)]
pub struct FetchedKey {
    pub(super) key: UnparsedPublicKey<Vec<u8>>,
    /// From when on the provider no longer signs with it.
    pub(super) expired: Option<UnixMillis>,
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
        now: UnixMillis,
    ) -> Result<CertificateDer<'static>, String> {
        let Some(verifier) = &self.0 else {
            return Err("this machine has no root certificates to check it by".to_owned());
        };
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem)
            .take(CHAIN)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("it is no certificate in PEM: {error}"))?;
        let Some((own, above)) = chain.split_first() else {
            return Err("it holds no certificate".to_owned());
        };
        let above = [above, &given.0].concat();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now));
        let mut why = String::new();
        for name in names {
            let name = ServerName::try_from(*name).map_err(|error| error.to_string())?;
            match verifier.verify_server_cert(own, &above, &name, &[], now) {
                Ok(_) => return Ok(own.clone().into_owned()),
                Err(error) => why = explain(&error),
            }
        }
        Err(format!("its certificate is not trusted: {why}"))
    }
}

fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "nothing leads from it to a root certificate of this machine; if the server leaves \
             out those between, give them as `intermediates`"
                .to_owned()
        }
        other => other.to_string(),
    }
}
