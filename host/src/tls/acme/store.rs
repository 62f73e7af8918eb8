//! Account, certificate and tries in the data folder, readable for the gateway alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::challenges::ChallengeError;
use crate::certificates::Certificate;
use crate::settings::Acme;
use tollgate_base::files::{read_regular, write_private};

/// The most bytes of a kept file.
const MOST: usize = 1 << 20;

/// The folder `acme` in the data folder.
#[derive(Debug, Clone)]
pub(in crate::tls) struct Store {
    folder: PathBuf,
}

/// The certificate that serves for an authority's.
#[derive(Debug)]
pub(in crate::tls) enum Kept {
    /// The last one that the authority issued for these domains.
    Issued(Certificate),
    /// One that this side made by itself, because the authority has issued none yet.
    SelfMade(Certificate),
}

/// The tries since the last certificate.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::tls) struct Tries {
    /// How many failed.
    pub(in crate::tls) failed: u32,
    /// When the next one may begin, in milliseconds since 1970.
    pub(in crate::tls) next_ms: u64,
    /// Why the last one failed.
    pub(in crate::tls) error: Option<String>,
}

impl Store {
    /// The store in `data`, the folder of the ledger.
    pub(in crate::tls) fn in_folder(data: &Path) -> Self {
        Self {
            folder: data.join("acme"),
        }
    }

    /// The certificate that serves until a new one is there.
    ///
    /// # Errors
    /// There is none, and none can be made.
    pub(in crate::tls) fn certificate(&self, acme: &Acme) -> Result<Kept, ChallengeError> {
        if let Some(issued) = self.issued(acme) {
            return Ok(Kept::Issued(issued));
        }
        let params = CertificateParams::new(acme.domains.clone())?;
        let key = KeyPair::generate()?;
        let chain = pem("CERTIFICATE", params.self_signed(&key)?.der());
        let read = Certificate::read(chain.as_bytes(), Self::pem_of(&key).as_bytes());
        let made = read.map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Kept::SelfMade(made))
    }

    /// The certificate that was kept last for these domains. A file that cannot be used counts as
    /// absent: another certificate is ordered then.
    fn issued(&self, acme: &Acme) -> Option<Certificate> {
        let bytes = Zeroizing::new(read_regular(&self.file(acme, "pem"), MOST).ok()?);
        match Certificate::read(&bytes, &bytes) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                tracing::warn!("the kept certificate {error}: another one is ordered");
                None
            }
        }
    }

    /// Keeps a certificate with its key, in one file, so that both change together.
    pub(super) fn keep(&self, acme: &Acme, chain: &str, key: &str) -> io::Result<()> {
        let both = Zeroizing::new(format!("{key}{chain}"));
        self.write(&self.file(acme, "pem"), both.as_bytes())
    }

    /// The account with this authority.
    pub(super) fn account(&self, acme: &Acme) -> Option<Zeroizing<Vec<u8>>> {
        let read = read_regular(&self.account_file(acme), MOST);
        read.ok().map(Zeroizing::new)
    }

    /// Keeps an account.
    pub(super) fn keep_account(&self, acme: &Acme, credentials: &[u8]) -> io::Result<()> {
        self.write(&self.account_file(acme), credentials)
    }

    /// The tries since the last certificate for these domains.
    pub(in crate::tls) fn tries(&self, acme: &Acme) -> Tries {
        let read = read_regular(&self.file(acme, "json"), MOST);
        let read = read
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_default()
    }

    /// Keeps the tries, so that a gateway that starts again and again does not ask more often.
    pub(in crate::tls) fn keep_tries(&self, acme: &Acme, tries: &Tries) -> io::Result<()> {
        self.write(&self.file(acme, "json"), &serde_json::to_vec(tries)?)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))?;
        write_private(path, bytes)
    }

    /// The file of these domains and this authority.
    fn file(&self, acme: &Acme, suffix: &str) -> PathBuf {
        let id = id(&[&acme.directory, &acme.domains.join(",")]);
        self.folder.join(format!("certificate-{id}.{suffix}"))
    }

    fn account_file(&self, acme: &Acme) -> PathBuf {
        let external = acme.external_account.as_ref();
        let external = external.map_or("", |of| &of.id);
        let id = id(&[&acme.directory, external]);
        self.folder.join(format!("account-{id}.json"))
    }

    /// A key as PEM.
    pub(super) fn pem_of(key: &KeyPair) -> Zeroizing<String> {
        Zeroizing::new(pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der())))
    }
}

fn id(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..8])
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = Zeroizing::new(STANDARD.encode(der));
    let lines = text.as_bytes().chunks(64);
    let lines: String = lines
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}
