//! Chains of certificates: from the server's own to one that an authority of the peer issued.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::error::CertificateError;
use super::facts::Facts;

/// The bytes that a handshake adds to each certificate: three for the length, two for extensions
/// (RFC 8446, section 4.4.2).
const ENTRY: usize = 5;

/// A chain in its right order, with what the first certificate says.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) first: Facts,
}

impl Chain {
    /// Reads and checks the certificates of a PEM text.
    pub(super) fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(CertificateError::NotPem)?;
        let bytes: usize = certificates.iter().map(|der| ENTRY + der.len()).sum();
        if bytes > CertificateError::LONGEST {
            return Err(CertificateError::TooLong { bytes });
        }
        let damaged = |(index, der): (usize, &CertificateDer<'_>)| {
            Facts::read(der).ok_or(CertificateError::Damaged { number: index + 1 })
        };
        let facts: Result<Vec<_>, _> = certificates.iter().enumerate().map(damaged).collect();
        let facts = facts?;
        check_order(&facts)?;
        let first = facts.into_iter().next().ok_or(CertificateError::Empty)?;
        if first.names.dns.is_empty() && first.names.addresses.is_empty() {
            return Err(CertificateError::NoName);
        }
        if let Some(bits) = first.rsa_bits.filter(|bits| *bits < 2048) {
            return Err(CertificateError::WeakKey { bits });
        }
        Ok(Self {
            certificates,
            first,
        })
    }
}

fn check_order(chain: &[Facts]) -> Result<(), CertificateError> {
    if chain.len() > 1 && chain[0].is_authority {
        return Err(CertificateError::AuthorityFirst);
    }
    for (index, pair) in chain.windows(2).enumerate() {
        if pair[0].issuer != pair[1].subject {
            return Err(CertificateError::Order { number: index + 2 });
        }
    }
    Ok(())
}
