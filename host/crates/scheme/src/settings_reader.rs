//! Reads the settings of a source for a scheme, and collects every mistake in them.

use std::time::Duration;

use super::invalid_key::InvalidKey;
use super::key_ring::KeyRing;
use super::settings::{BuildError, DedupChoice, Setting, Settings, SourceSecret};
use super::tolerance::Tolerance;
use tollgate_base::secret::Secret;

/// The setting that names a server to fetch keys from instead of the provider.
pub(super) const KEYS_FROM: &str = "keys_from";

/// The settings of a source, from which a scheme takes the settings that it knows. A setting that
/// is left at the end is a mistake.
pub(super) struct SettingsReader<'n> {
    scheme: &'n str,
    settings: Settings,
    errors: Vec<BuildError>,
}

impl<'n> SettingsReader<'n> {
    pub(super) fn new(scheme: &'n str, settings: Settings) -> Self {
        Self {
            scheme,
            settings,
            errors: Vec::new(),
        }
    }

    /// Adds a mistake.
    pub(super) fn mistake(&mut self, setting: Setting, message: String) {
        self.errors.push(BuildError::new(setting, message));
    }

    /// The keys of the secrets; there must be at least one secret. `read` makes a key of a secret.
    pub(super) fn keys<K>(
        &mut self,
        read: impl Fn(&Secret) -> Result<K, InvalidKey>,
    ) -> KeyRing<K> {
        let scheme = self.scheme;
        let secrets = std::mem::take(&mut self.settings.secrets);
        if secrets.is_empty() {
            let message = format!("`{scheme}` needs at least one secret");
            self.mistake(Setting::Secret(0), message);
        }
        let mut keys = Vec::new();
        for (index, SourceSecret { secret, expires }) in secrets.iter().enumerate() {
            let blank = secret.expose().iter().all(u8::is_ascii_whitespace);
            let key = match blank {
                true => Err(InvalidKey::Blank),
                false => read(secret),
            };
            match key {
                Ok(key) => keys.push((key, *expires)),
                Err(why) => {
                    let message = format!("secret {} of `{scheme}` {why}", index + 1);
                    self.mistake(Setting::Secret(index), message);
                }
            }
        }
        KeyRing::new(keys)
    }

    /// Like [`SettingsReader::keys`], for a scheme that works without a secret too.
    pub(super) fn optional_keys<K>(
        &mut self,
        read: impl Fn(&Secret) -> Result<K, InvalidKey>,
    ) -> KeyRing<K> {
        match self.settings.secrets.is_empty() {
            true => KeyRing::new([]),
            false => self.keys(read),
        }
    }

    /// Reports every secret as a mistake, for a scheme without signatures.
    pub(super) fn no_secrets(&mut self) {
        for index in 0..std::mem::take(&mut self.settings.secrets).len() {
            let message = format!("`{}` is not signed: leave `secrets` out", self.scheme);
            self.mistake(Setting::Secret(index), message);
        }
    }

    /// The URL, for a scheme that signs the URL.
    pub(super) fn url(&mut self) -> Option<String> {
        let url = self.settings.url.take();
        match &url {
            None => {
                let message = format!(
                    "`{}` signs the URL that it posts to: set `url` to it, as the provider has \
                     it (behind a proxy it may look different here)",
                    self.scheme
                );
                self.mistake(Setting::Url, message);
            }
            Some(text) => {
                if let Some(message) = url_problem(text) {
                    self.mistake(Setting::Url, message);
                }
            }
        }
        url
    }

    /// The URL of a source, for a scheme that signs its path and works without it too.
    pub(super) fn optional_url(&mut self) -> Option<String> {
        match self.settings.url.is_some() {
            true => self.url(),
            false => None,
        }
    }

    /// The tolerance of the source, if it has one.
    pub(super) fn tolerance(&mut self) -> Option<Tolerance> {
        let both = self.settings.tolerance.take()?;
        if both < Duration::from_secs(1) {
            self.mistake(Setting::Tolerance, "must be at least one second".to_owned());
        }
        Some(Tolerance::both(both))
    }

    /// What tells events apart if their id is not signed.
    pub(super) fn dedup_by(&self) -> DedupChoice {
        self.settings.dedup_by.unwrap_or_default()
    }

    /// A further setting that may be absent.
    pub(super) fn optional_param(&mut self, name: &str) -> Option<String> {
        self.settings.params.remove(name)
    }

    /// Reports a setting without a value.
    pub(super) fn empty_param(&mut self, name: &str) {
        let message = format!("`{name}` is empty: leave it out, or give it a value");
        self.mistake(Setting::Param(name.to_owned()), message);
    }

    /// A further setting that must be there. `what` describes the setting.
    pub(super) fn param(&mut self, name: &str, what: &str) -> Option<String> {
        let value = self.settings.params.remove(name);
        let value = value.filter(|value| !value.trim().is_empty());
        if value.is_none() {
            let message = format!("`{}` needs `{name}`: {what}", self.scheme);
            self.mistake(Setting::Param(name.to_owned()), message);
        }
        value
    }

    /// The origin to fetch keys from instead of the provider: `https://HOST[:PORT]`.
    pub(super) fn keys_from(&mut self) -> Option<String> {
        let text = self.optional_param(KEYS_FROM)?;
        let uri: Option<http::Uri> = text.parse().ok();
        let origin = uri.filter(|uri| {
            let authority = uri.authority().map(http::uri::Authority::as_str);
            uri.scheme_str() == Some("https")
                && uri.path() == "/"
                && authority.is_some_and(|authority| {
                    !authority.contains('@') && text.len() == "https://".len() + authority.len()
                })
        });
        if origin.is_none() {
            let message = format!("`{KEYS_FROM}` must be an origin: `https://HOST` or with a port");
            self.mistake(Setting::Param(KEYS_FROM.to_owned()), message);
        }
        Some(text)
    }

    /// Reports settings for fetching keys as mistakes, because no key is fetched.
    pub(super) fn reject_fetch_params(&mut self, params: &[&str], why: &str) {
        for &param in params {
            if self.settings.params.remove(param).is_some() {
                let message = format!("`{param}` is for keys that are fetched: {why}");
                self.mistake(Setting::Param(param.to_owned()), message);
            }
        }
    }

    /// The scheme if there was no mistake, else every mistake. A setting that was not taken is a
    /// mistake too.
    pub(super) fn finish<T>(mut self, scheme: Option<T>) -> Result<T, Vec<BuildError>> {
        let name = self.scheme;
        if self.settings.url.is_some() {
            let message = format!("`{name}` does not sign a URL: leave `url` out");
            self.mistake(Setting::Url, message);
        }
        if self.settings.tolerance.is_some() {
            let message = format!("`{name}` signs no timestamp: leave `tolerance` out");
            self.mistake(Setting::Tolerance, message);
        }
        for param in std::mem::take(&mut self.settings.params).into_keys() {
            let message = format!("`{name}` has no setting `{param}`");
            self.mistake(Setting::Param(param), message);
        }
        match scheme {
            Some(scheme) if self.errors.is_empty() => Ok(scheme),
            _ => Err(self.errors),
        }
    }
}

/// Whether a URL may have this after the colon of its host. An empty port is the usual one.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The reason why no request can have a signature over this URL. The text may hold a password, so
/// the message does not show the text.
fn url_problem(url: &str) -> Option<String> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Some("must be a whole URL: `https://…`".to_owned());
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    // After the brackets of an IPv6 address.
    let port = host
        .rsplit(']')
        .next()
        .and_then(|rest| rest.split_once(':'));
    let what = if host.is_empty() || host.starts_with(':') {
        "has no host"
    } else if port.is_some_and(|(_, port)| !is_port(port)) {
        "has a port that does not exist"
    } else if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "holds white space, which no provider posts to: percent-encode it"
    } else if !url.is_ascii() {
        "holds a letter beyond ASCII, which providers encode before they sign: write the host in \
         punycode (`xn--…`) and percent-encode the rest"
    } else {
        return None;
    };
    Some(format!("the URL {what}"))
}
