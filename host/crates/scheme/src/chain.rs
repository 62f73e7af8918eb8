//! Chains of certificates that come with a signature (`x5c`, RFC 7515 section 4.1.6).
//!
//! A chain counts if it leads from the signer's own certificate to a root certificate of the
//! operator's, or of the scheme's. webpki checks the chain: names, signatures, dates, and that each
//! issuer is an authority.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::invalid_key::InvalidKey;
use super::issuer;
use super::key_ring::KeyRing;
use super::pem::{self, KeyKind};
use super::rejection::Rejection;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// No provider sends a longer chain.
const MAX_CERTIFICATES: usize = 8;
/// For how long a checked chain is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// The number of checked chains that are remembered. A provider uses a few at a time.
const MAX_REMEMBERED: usize = 8;

/// The certificates that came with a signature, the signer's own first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain(Vec<CertificateDer<'static>>);

impl Chain {
    /// Decodes an `x5c` header.
    pub(super) fn read(x5c: &[String]) -> Result<Self, &'static str> {
        if x5c.is_empty() {
            return Err("it comes without certificates (`x5c`)");
        }
        if x5c.len() > MAX_CERTIFICATES {
            return Err("it comes with too many certificates (`x5c`)");
        }
        let certificate = |text: &String| STANDARD.decode(text).map(CertificateDer::from);
        let read: Result<Vec<_>, _> = x5c.iter().map(certificate).collect();
        let read = read.map_err(|_| "a certificate of it is no base64")?;
        match read.iter().all(|der| pem::is_certificate(der)) {
            true => Ok(Self(read)),
            false => Err("a certificate of it is damaged"),
        }
    }

    /// The number of certificates.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The signer's key, in the form that ring takes.
    pub(super) fn key(&self, kind: KeyKind) -> Result<Vec<u8>, InvalidKey> {
        pem::certificate_key(&self.0[0], kind)
    }

    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for certificate in &self.0 {
            hash.update((certificate.len() as u64).to_be_bytes());
            hash.update(certificate);
        }
        hash.finalize().into()
    }
}

/// A root certificate.
#[derive(Clone, Debug)]
pub(super) struct Root(TrustAnchor<'static>);

impl Root {
    /// Reads a root certificate in PEM or DER.
    pub(super) fn read(secret: &Secret) -> Result<Self, InvalidKey> {
        let text = secret.expose();
        let der = match text.first() {
            Some(0x30) => CertificateDer::from(text),
            _ => CertificateDer::from_pem_slice(text).map_err(|_| InvalidKey::NotCertificate)?,
        };
        let anchor = webpki::anchor_from_trusted_cert(&der);
        let anchor = anchor.map_err(|_| InvalidKey::DamagedCertificate)?;
        Ok(Self(anchor.to_owned()))
    }

    /// A root certificate that a scheme knows: its subject and its key (DER, without the outer
    /// SEQUENCE).
    pub(super) fn known(subject: &'static [u8], key: &'static [u8]) -> Self {
        Self(TrustAnchor {
            subject: subject.into(),
            subject_public_key_info: key.into(),
            name_constraints: None,
        })
    }
}

/// What a scheme wants of a chain.
#[derive(Clone, Debug, Default)]
pub(super) struct ChainRules {
    /// The extension that the signer's own certificate must have: its object identifier in DER.
    pub(super) own_extension: Option<Vec<u8>>,
    /// The extension that the certificate above it must have. That certificate must be signed by
    /// the root.
    pub(super) issuer_extension: Option<Vec<u8>>,
}

/// Why a chain does not lead to a root.
#[derive(Debug, thiserror::Error)]
enum ChainError {
    #[error("there is no root")]
    NoRoot,
    #[error("it has no certificate")]
    Empty,
    #[error(transparent)]
    Invalid(#[from] webpki::Error),
    #[error("the signer's certificate is not for this purpose")]
    Purpose,
    #[error("the signer's authority is not for this purpose")]
    AuthorityPurpose,
}

impl ChainRules {
    /// Whether a chain leads to this root at this time.
    fn check(&self, chain: &Chain, root: &Root, at: WallTime) -> Result<(), ChainError> {
        let (own, above) = chain.0.split_first().ok_or(ChainError::Empty)?;
        let own_certificate = EndEntityCert::try_from(own)?;
        let time = UnixTime::since_unix_epoch(Duration::from_millis(at.as_millis()));
        let roots = std::slice::from_ref(&root.0);
        let algorithms = ALL_VERIFICATION_ALGS;
        let path = own_certificate
            .verify_for_usage(algorithms, roots, above, time, AnyUsage, None, None)?;
        let has = |der: &[u8], id: &Option<Vec<u8>>| {
            let id = id.as_deref();
            id.is_none_or(|id| issuer::extension(der, id).is_some())
        };
        if !has(own, &self.own_extension) {
            return Err(ChainError::Purpose);
        }
        if self.issuer_extension.is_some() {
            let mut between = path.intermediate_certificates();
            let (first, second) = (between.next(), between.next());
            let fits = first.is_some_and(|first| has(&first.der(), &self.issuer_extension));
            if second.is_some() || !fits {
                return Err(ChainError::AuthorityPurpose);
            }
        }
        Ok(())
    }
}

/// Signatures are no TLS: the scheme's own rules say what a certificate is for.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        purposes
            .into_iter()
            .try_for_each(|purpose| purpose.map(|_| ()))
    }
}

/// Checks chains against the roots of a source.
pub(super) struct ChainChecker {
    roots: KeyRing<(usize, Root)>,
    rules: ChainRules,
    checked: Mutex<Vec<Checked>>,
}

/// A chain that leads to a root from `from` to `until`.
struct Checked {
    chain: [u8; 32],
    root: usize,
    from: WallTime,
    until: WallTime,
}

impl ChainChecker {
    pub(super) fn new(roots: KeyRing<Root>, rules: ChainRules) -> Self {
        let numbers = (0..roots.len()).collect();
        Self {
            roots: roots.zip(numbers),
            rules,
            checked: Mutex::default(),
        }
    }

    /// The index of the root that the chain leads to. The certificates must hold at the time `at`;
    /// roots expire by `now`.
    pub(super) fn root(
        &self,
        chain: &Chain,
        at: WallTime,
        now: WallTime,
    ) -> Result<usize, Rejection> {
        let digest = chain.digest();
        let leads = |(number, root): &(usize, Root)| {
            self.is_known(&digest, *number, at) || self.checks(chain, &digest, *number, root, at)
        };
        match self.roots.matching(now, 1, leads) {
            Err(Rejection::SignatureMismatch { .. }) => Err(Rejection::UntrustedKey {
                why: self.reason(chain, at),
            }),
            found => found,
        }
    }

    fn reason(&self, chain: &Chain, at: WallTime) -> String {
        let mut roots = self.roots.iter();
        let first = roots.find_map(|(_, root)| self.rules.check(chain, root, at).err());
        let first = first.unwrap_or(ChainError::NoRoot);
        format!("its certificates lead to no root that is trusted: {first}")
    }

    fn is_known(&self, digest: &[u8; 32], root: usize, at: WallTime) -> bool {
        let Ok(checked) = self.checked.lock() else {
            return false;
        };
        checked.iter().any(|known| {
            known.chain == *digest && known.root == root && (known.from..=known.until).contains(&at)
        })
    }

    /// Checks a chain. A chain that holds now and an hour later holds in between.
    fn checks(
        &self,
        chain: &Chain,
        digest: &[u8; 32],
        number: usize,
        root: &Root,
        at: WallTime,
    ) -> bool {
        if self.rules.check(chain, root, at).is_err() {
            return false;
        }
        let until = at + REMEMBERED;
        if self.rules.check(chain, root, until).is_ok()
            && let Ok(mut checked) = self.checked.lock()
        {
            if checked.len() >= MAX_REMEMBERED {
                checked.remove(0);
            }
            checked.push(Checked {
                chain: *digest,
                root: number,
                from: at,
                until,
            });
        }
        true
    }
}
