//! Reads a source's settings for a scheme and collects every mistake in them.

use std::time::Duration;

use super::keys::Keys;
use super::settings::{BuildError, Setting, Settings, SourceSecret};
use super::tolerance::Tolerance;
use tollgate_base::secret::Secret;

/// Where keys are fetched from instead of their provider.
pub(super) const KEYS_FROM: &str = "keys_from";

/// A source's settings while a scheme takes out what it knows; what is left over at the end
/// is a mistake.
pub(super) struct Reader<'n> {
    scheme: &'n str,
    settings: Settings,
    errors: Vec<BuildError>,
}

impl<'n> Reader<'n> {
    pub(super) fn new(scheme: &'n str, settings: Settings) -> Self {
        Self {
            scheme,
            settings,
            errors: Vec::new(),
        }
    }

    /// Notes a mistake.
    pub(super) fn mistake(&mut self, setting: Setting, message: String) {
        self.errors.push(BuildError::new(setting, message));
    }

    /// The keys that the secrets stand for; there must be one at least. `read` says, to
    /// follow on `secret 1 of NAME`, why a secret stands for none.
    pub(super) fn keys<K>(&mut self, read: impl Fn(&Secret) -> Result<K, String>) -> Keys<K> {
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
                true => Err("is empty: an empty secret would let anybody in".to_owned()),
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
        Keys::new(keys)
    }

    /// For a scheme without signatures: there must be no secret.
    pub(super) fn no_secrets(&mut self) {
        for index in 0..std::mem::take(&mut self.settings.secrets).len() {
            let message = format!("`{}` is not signed: leave `secrets` out", self.scheme);
            self.mistake(Setting::Secret(index), message);
        }
    }

    /// The URL, for a scheme that signs it.
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
            Some(text) if !text.starts_with("https://") && !text.starts_with("http://") => {
                let message = format!("`{text}` must be a whole URL: `https://…`");
                self.mistake(Setting::Url, message);
            }
            Some(_) => {}
        }
        url
    }

    /// How far a timestamp may lie from now, where the source says so.
    pub(super) fn tolerance(&mut self) -> Option<Tolerance> {
        let both = self.settings.tolerance.take()?;
        if both < Duration::from_secs(1) {
            self.mistake(Setting::Tolerance, "must be at least one second".to_owned());
        }
        Some(Tolerance::both(both))
    }

    /// A setting of the scheme's own, if it is there.
    pub(super) fn optional_param(&mut self, name: &str) -> Option<String> {
        self.settings.params.remove(name)
    }

    /// Like [`Reader::keys`], for a scheme that can do without a secret.
    pub(super) fn optional_keys<K>(
        &mut self,
        read: impl Fn(&Secret) -> Result<K, String>,
    ) -> Keys<K> {
        match self.settings.secrets.is_empty() {
            true => Keys::new([]),
            false => self.keys(read),
        }
    }

    /// A setting of the scheme's own that must be there; `what` says what it is.
    pub(super) fn param(&mut self, name: &str, what: &str) -> Option<String> {
        let value = self.settings.params.remove(name);
        let value = value.filter(|value| !value.trim().is_empty());
        if value.is_none() {
            let message = format!("`{}` needs `{name}`: {what}", self.scheme);
            self.mistake(Setting::Param(name.to_owned()), message);
        }
        value
    }

    /// Where keys are fetched from instead of their provider: an origin, `https://HOST[:PORT]`.
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

    /// Says that settings for fetching keys are of no use, where none are fetched.
    pub(super) fn fetches_nothing(&mut self, params: &[&str], why: &str) {
        for &param in params {
            if self.settings.params.remove(param).is_some() {
                let message = format!("`{param}` is for keys that are fetched: {why}");
                self.mistake(Setting::Param(param.to_owned()), message);
            }
        }
    }

    /// The scheme, if nothing was wrong; otherwise every mistake, settings that nobody took
    /// among them.
    pub(super) fn finish<T>(mut self, made: Option<T>) -> Result<T, Vec<BuildError>> {
        let scheme = self.scheme;
        if self.settings.url.is_some() {
            let message = format!("`{scheme}` does not sign a URL: leave `url` out");
            self.mistake(Setting::Url, message);
        }
        if self.settings.tolerance.is_some() {
            let message = format!("`{scheme}` signs no timestamp: leave `tolerance` out");
            self.mistake(Setting::Tolerance, message);
        }
        for param in std::mem::take(&mut self.settings.params).into_keys() {
            let message = format!("`{scheme}` has no setting `{param}`");
            self.mistake(Setting::Param(param), message);
        }
        match made {
            Some(made) if self.errors.is_empty() => Ok(made),
            _ => Err(self.errors),
        }
    }
}
