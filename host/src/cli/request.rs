//! What `verify` and `sign` have in common: a scheme with its settings, and a request.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::environment;
use crate::generation::reload::read_manifest;
use crate::manifest::own_schemes;
use tollgate_base::event::SourceName;
use tollgate_base::quantity::parse_duration;
use tollgate_base::secret::Secret;
use tollgate_base::time::{Clock, SystemClock, WallTime};
use tollgate_scheme::{
    self, BuildError, Setting, Settings, SourceSecret, Template, Verifier, build_with,
};

/// Arguments that cannot be used, as opposed to a request that is refused.
pub(super) const WRONG_USAGE: u8 = 2;

/// The manifest, where nobody names one.
const DEFAULT_MANIFEST: &str = "tollgate.toml";

/// Which scheme, with which settings.
#[derive(Debug, Args)]
pub(super) struct SchemeArgs {
    /// A source of the manifest, with its scheme and secrets.
    #[arg(long, conflicts_with_all = ["scheme", "secret", "secret_file", "param"])]
    source: Option<String>,
    /// The manifest that names the source or describes the scheme.
    #[arg(long, default_value = DEFAULT_MANIFEST, env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// A scheme by its name, if not by a source: a built-in one, or one of the manifest's
    /// `[schemes.NAME]`.
    #[arg(long, required_unless_present = "source")]
    scheme: Option<String>,
    /// A secret as the provider shows it, or a key or certificate as PEM or JWK; may be
    /// given several times.
    #[arg(long, allow_hyphen_values = true)]
    secret: Vec<String>,
    /// A file with a secret, a key or a certificate, which thus stays out of the list of
    /// processes; may be given several times. They count after those of `--secret`.
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    secret_file: Vec<PathBuf>,
    /// A setting of the scheme's own, such as `webhook_id=…`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// How far the signed time may be off, such as `5m`.
    #[arg(long, value_parser = duration)]
    tolerance: Option<Duration>,
    /// The URL that the request was sent to, as the provider knows it, with its query.
    #[arg(long)]
    url: Option<String>,
    /// The time to take for the present, in seconds since 1970.
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
}

/// A scheme's name with the settings to build it of.
pub(super) struct Chosen {
    pub(super) scheme: String,
    /// The description of a scheme of the manifest's own.
    template: Option<Arc<Template>>,
    pub(super) settings: Settings,
}

impl SchemeArgs {
    /// The scheme and settings that the arguments mean.
    pub(super) fn choose(&self) -> anyhow::Result<Chosen> {
        let mut chosen = match (&self.source, &self.scheme) {
            (Some(source), _) => self.of_source(source)?,
            (None, Some(scheme)) => Chosen {
                scheme: scheme.clone(),
                template: self.own_scheme(scheme)?,
                settings: Settings {
                    secrets: self.secrets()?,
                    params: self.param.iter().cloned().collect::<BTreeMap<_, _>>(),
                    ..Settings::default()
                },
            },
            (None, None) => bail!("name a `--source` of the manifest or a `--scheme`"),
        };
        if self.tolerance.is_some() {
            chosen.settings.tolerance = self.tolerance;
        }
        if self.url.is_some() {
            chosen.settings.url.clone_from(&self.url);
        }
        Ok(chosen)
    }

    fn secrets(&self) -> anyhow::Result<Vec<SourceSecret>> {
        let given = self.secret.iter().map(|text| Secret::new(text.as_bytes()));
        let mut secrets: Vec<SourceSecret> = given.map(SourceSecret::from).collect();
        for path in &self.secret_file {
            let text = std::fs::read(path).with_context(|| path.display().to_string())?;
            // As in a manifest: an editor's line end is no part of a secret.
            secrets.push(Secret::new(text.trim_ascii_end()).into());
        }
        Ok(secrets)
    }

    /// What the request was sent to, for the scheme to see.
    pub(super) fn target<'c>(&'c self, chosen: &'c Chosen) -> &'c str {
        let url = self.url.as_deref().or(chosen.settings.url.as_deref());
        url.unwrap_or("/")
    }

    /// What the manifest says of a scheme that is not built in; `None` where it says nothing.
    fn own_scheme(&self, name: &str) -> anyhow::Result<Option<Arc<Template>>> {
        if tollgate_scheme::names().any(|built_in| built_in == name) {
            return Ok(None);
        }
        let text = match std::fs::read_to_string(&self.manifest) {
            // Nobody said that there is one.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && self.manifest == Path::new(DEFAULT_MANIFEST) =>
            {
                return Ok(None);
            }
            text => text.with_context(|| self.manifest.display().to_string())?,
        };
        Ok(own_schemes(&text, &self.manifest)?.remove(name))
    }

    fn of_source(&self, name: &str) -> anyhow::Result<Chosen> {
        let manifest = read_manifest(&self.manifest, &environment())?.manifest;
        let source = manifest
            .sources
            .get(&SourceName::new(name))
            .with_context(|| format!("{} has no source `{name}`", self.manifest.display()))?;
        Ok(Chosen {
            scheme: source.verifier.scheme().to_owned(),
            template: source.template.clone(),
            settings: source.settings.clone(),
        })
    }

    /// The time to take for the present.
    pub(super) fn now(&self) -> WallTime {
        self.now
            .map_or_else(|| SystemClock.now(), WallTime::from_secs)
    }
}

impl Chosen {
    /// The scheme with other settings.
    pub(super) fn build(&self, settings: Settings) -> Result<Verifier, Vec<BuildError>> {
        build_with(&self.scheme, self.template.as_deref(), settings)
    }

    /// The scheme with its keys, or everything that is wrong with the settings.
    ///
    /// A request has a URL whatever its scheme signs, and a tolerance is asked for by whoever
    /// checks a heap of them: where the scheme has no use for one of these, it is left out.
    pub(super) fn verifier(&mut self) -> anyhow::Result<Verifier> {
        let (of_url, of_tolerance) = (
            |error: &BuildError| error.setting == Setting::Url,
            |error: &BuildError| error.setting == Setting::Tolerance,
        );
        let mut built = self.build(self.settings.clone());
        if let Err(errors) = &built {
            let (url, tolerance) = (errors.iter().any(of_url), errors.iter().any(of_tolerance));
            let without = Settings {
                url: self.settings.url.clone().filter(|_| !url),
                tolerance: self.settings.tolerance.filter(|_| !tolerance),
                ..self.settings.clone()
            };
            if let Ok(verifier) = self.build(without.clone()) {
                self.settings = without;
                built = Ok(verifier);
            }
        }
        built.map_err(|errors| {
            let lines: Vec<_> = errors.into_iter().map(|error| error.message).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })
    }
}

/// Headers as `Name: value`.
#[derive(Debug, Args)]
pub(super) struct HeaderArgs {
    /// A header of the request; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = OsStringValueParser::new().try_map(header))]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderArgs {
    pub(super) fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.append(name.clone(), value.clone());
        }
        map
    }
}

/// The bytes of a file, or of standard input for `-`.
pub(super) fn read_body(path: &Path) -> anyhow::Result<Bytes> {
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut body)?;
    } else {
        body = std::fs::read(path).with_context(|| path.display().to_string())?;
    }
    Ok(body.into())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|length| *length >= Duration::from_secs(1))
        .ok_or_else(|| "write a number and a unit, such as `5m` or `90s`".to_owned())
}

/// As on the wire, a value is any bytes but control characters.
fn header(text: OsString) -> Result<(HeaderName, HeaderValue), String> {
    let text = text.as_bytes();
    let colon = text.iter().position(|byte| *byte == b':');
    let (name, value) = text.split_at(colon.ok_or("write `Name: value`")?);
    let name = HeaderName::from_bytes(name.trim_ascii()).map_err(|error| error.to_string())?;
    let value =
        HeaderValue::from_bytes(value[1..].trim_ascii()).map_err(|error| error.to_string())?;
    Ok((name, value))
}
