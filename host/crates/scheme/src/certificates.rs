//! Checks whether a certificate leads to a root certificate that this machine trusts.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::{self as pem_type, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::pem;
use tollgate_base::time::WallTime;

/// No provider sends a longer chain.
const MAX_CHAIN: usize = 8;

/// Why a certificate is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No certificate can be trusted.
    #[error("this machine has no root certificates to check it by")]
    NoRoots,
    /// The text cannot be read.
    #[error("it is no certificate in PEM: {0}")]
    NotPem(pem_type::Error),
    /// The text has no certificate.
    #[error("it holds no certificate")]
    Empty,
    /// The certificate is expired, for another name, or wrong otherwise.
    #[error("its certificate is not trusted: {0}")]
    Invalid(rustls::Error),
    /// The chain lacks the certificate of an issuer.
    #[error(
        "its certificate is not trusted: no chain leads from it to a root certificate of this \
         machine; if the server leaves out the certificates between, give them as `intermediates`"
    )]
    UnknownIssuer {
        /// The provider's own certificate.
        certificate: CertificateDer<'static>,
    },
}

/// Why a text cannot be used as `intermediates`. The message continues a sentence about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntermediatesError {
    #[error("holds damaged PEM: {0}")]
    NotPem(pem_type::Error),
    #[error("must be 1 to {MAX_CHAIN} certificates in PEM, and holds {0}")]
    Count(usize),
    #[error("holds a damaged certificate")]
    Damaged,
}

/// Certificates between a provider's own and a root, as the manifest gives them. They are not
/// trusted by themselves: they only help to find the way to a root.
#[derive(Debug, Default)]
pub(super) struct Intermediates(Vec<CertificateDer<'static>>);

impl Intermediates {
    /// Reads PEM.
    pub(super) fn read(text: &str) -> Result<Self, IntermediatesError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let read = read.map_err(IntermediatesError::NotPem)?;
        if read.is_empty() || read.len() > MAX_CHAIN {
            return Err(IntermediatesError::Count(read.len()));
        }
        match read.iter().all(|der| pem::is_certificate(der)) {
            true => Ok(Self(read)),
            false => Err(IntermediatesError::Damaged),
        }
    }
}

/// The root certificates by which other certificates are checked.
#[derive(Clone, Debug)]
pub struct CertificateTrust(Option<Arc<WebPkiServerVerifier>>);

impl CertificateTrust {
    /// Trusts the certificates that these roots have signed. Trusts none if there are no roots.
    pub fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Self(verifier.build().ok())
    }

    /// The first certificate of a chain in PEM, if the certificate leads to a root, holds now
    /// and is for one of the names. `intermediates` may complete the chain.
    pub(super) fn check(
        &self,
        pem: &[u8],
        intermediates: &Intermediates,
        names: &[&str],
        now: WallTime,
    ) -> Result<CertificateDer<'static>, CertificateError> {
        let verifier = self.0.as_ref().ok_or(CertificateError::NoRoots)?;
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem)
            .take(MAX_CHAIN)
            .collect::<Result<_, _>>()
            .map_err(CertificateError::NotPem)?;
        let (own, above) = chain.split_first().ok_or(CertificateError::Empty)?;
        let above = [above, &intermediates.0].concat();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
        let mut last = CertificateError::Empty;
        for name in names {
            let Ok(name) = ServerName::try_from(*name) else {
                continue;
            };
            match verifier.verify_server_cert(own, &above, &name, &[], now) {
                Ok(_) => return Ok(own.clone().into_owned()),
                Err(error) => last = refused(own, error),
            }
        }
        Err(last)
    }
}

fn refused(own: &CertificateDer<'_>, error: rustls::Error) -> CertificateError {
    let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    if error == unknown {
        let certificate = own.clone().into_owned();
        return CertificateError::UnknownIssuer { certificate };
    }
    CertificateError::Invalid(error)
}

/// Appends the certificate of an issuer, in DER or PEM, to a chain in PEM.
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
