//! Certificates that a request names by a URL of its provider: where they are fetched, and when one
//! is trusted.

use rustls::pki_types::CertificateDer;

use super::certificates::{CertificateError, CertificateTrust, Intermediates};
use super::fetched_key::{KeyError, KeyRequest, Visit};
use super::issuer;
use super::settings::Setting;
use super::settings_reader::{KEYS_FROM, SettingsReader};
use tollgate_base::time::WallTime;

/// The setting with the certificates between the provider's and a root.
const INTERMEDIATES: &str = "intermediates";
/// The greatest length of a certificate's URL. A real URL has about 90 characters.
const MAX_URL: usize = 256;

/// Where the certificates of a provider are fetched, and how they are completed.
pub(super) struct CertificateSource {
    /// The origin to fetch from instead of the provider's hosts.
    keys_from: Option<String>,
    intermediates: Intermediates,
    /// The domain of the provider's certificate authority, such as `.digicert.com`.
    authority: &'static str,
}

impl CertificateSource {
    /// Reads the settings `keys_from` and `intermediates`.
    pub(super) fn read(reader: &mut SettingsReader<'_>, authority: &'static str) -> Self {
        let keys_from = reader.keys_from();
        let given = reader.optional_param(INTERMEDIATES);
        let read = given.map_or_else(
            || Ok(Intermediates::default()),
            |pem| Intermediates::read(&pem),
        );
        let intermediates = read.unwrap_or_else(|error| {
            let message = format!("`{INTERMEDIATES}` {error}");
            reader.mistake(Setting::Param(INTERMEDIATES.to_owned()), message);
            Intermediates::default()
        });
        Self {
            keys_from,
            intermediates,
            authority,
        }
    }

    /// Reports the settings for fetching as mistakes, because the secrets are certificates.
    pub(super) fn reject_settings(reader: &mut SettingsReader<'_>) {
        let why = "with certificates as `secrets` none is";
        reader.reject_fetch_params(&[KEYS_FROM, INTERMEDIATES], why);
    }

    /// How to fetch what is at this URL of the provider.
    pub(super) fn get(&self, url: &str) -> KeyRequest {
        let url = match &self.keys_from {
            Some(origin) => format!("{origin}{}", target(url)),
            None => url.to_owned(),
        };
        KeyRequest {
            url,
            allow_private: self.keys_from.is_some(),
            body: None,
        }
    }

    /// How to visit this URL of the provider.
    pub(super) fn visit(&self, url: &str) -> Visit {
        let KeyRequest {
            url, allow_private, ..
        } = self.get(url);
        Visit { url, allow_private }
    }

    /// The provider's own certificate in an answer, if it leads to a root, holds now and is for one
    /// of the names.
    pub(super) fn certificate(
        &self,
        answer: &[u8],
        trust: &CertificateTrust,
        names: &[&str],
        now: WallTime,
    ) -> Result<CertificateDer<'static>, KeyError> {
        let checked = trust.check(answer, &self.intermediates, names, now);
        checked.map_err(|error| self.untrusted(error))
    }

    /// The error for a certificate that is not trusted. The issuer's certificate may help.
    fn untrusted(&self, error: CertificateError) -> KeyError {
        let url = match &error {
            CertificateError::UnknownIssuer { certificate } => self.issuer_url(certificate),
            _ => None,
        };
        match url {
            Some(url) => KeyError::IssuerNeeded {
                request: self.get(&url),
                why: error,
            },
            None => KeyError::Untrusted(error),
        }
    }

    /// The URL of the issuer's certificate, if the URL is the authority's. Certificates usually
    /// name the URL with plain http; the authority has it with https too.
    fn issuer_url(&self, certificate: &[u8]) -> Option<String> {
        let url = issuer::url(certificate)?;
        let rest = url.strip_prefix("http://");
        let url = rest.map_or_else(|| url.to_owned(), |rest| format!("https://{rest}"));
        is_under(self.authority, &url).then_some(url)
    }
}

/// Whether a URL is https with a host under this domain, without user and port.
pub(super) fn is_under(domain: &str, url: &str) -> bool {
    host(url).is_some_and(|host| host.to_ascii_lowercase().ends_with(domain))
}

/// The host of an https URL without user and port.
pub(super) fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let visible = url.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && visible && url.len() <= MAX_URL).then_some(host)
}

/// The part of a URL after the host: a path, or nothing.
pub(super) fn target(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &rest[end..]
}
