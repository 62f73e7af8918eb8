//! What `verify` and `sign` have in common: a scheme with its settings, and a request.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::environment;
use crate::clock::{Clock, SystemClock};
use crate::event::{SourceName, UnixMillis};
use crate::manifest::parse_duration;
use crate::reload::read_manifest;
use crate::scheme::{Settings, Verifier, build};
use crate::secret::Secret;

/// Which scheme, with which settings.
#[derive(Debug, Args)]
pub(super) struct SchemeArgs {
    /// A source of the manifest, with its scheme and secrets.
    #[arg(long, conflicts_with_all = ["scheme", "secret", "param"])]
    source: Option<String>,
    /// The manifest that names the source.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// A scheme by its name, if not by a source.
    #[arg(long, required_unless_present = "source")]
    scheme: Option<String>,
    /// A secret as the provider shows it, or a key or certificate as PEM or JWK; may be
    /// given several times.
    #[arg(long)]
    secret: Vec<String>,
    /// A setting of the scheme's own, such as `webhook_id=…`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// How far the signed time may be off, such as `5m`.
    #[arg(long, value_parser = duration)]
    tolerance: Option<Duration>,
    /// The URL as the provider knows it, for schemes that sign it.
    #[arg(long)]
    url: Option<String>,
    /// The time to take for the present, in seconds since 1970.
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
}

/// A scheme's name with the settings to build it of.
pub(super) struct Chosen {
    pub(super) scheme: String,
    pub(super) settings: Settings,
}

impl SchemeArgs {
    /// The scheme and settings that the arguments mean.
    pub(super) fn choose(&self) -> anyhow::Result<Chosen> {
        let mut chosen = match (&self.source, &self.scheme) {
            (Some(source), _) => self.of_source(source)?,
            (None, Some(scheme)) => Chosen {
                scheme: scheme.clone(),
                settings: Settings {
                    secrets: self
                        .secret
                        .iter()
                        .map(|text| Secret::new(text.as_bytes()))
                        .collect(),
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

    fn of_source(&self, name: &str) -> anyhow::Result<Chosen> {
        let manifest = read_manifest(&self.manifest, &environment())?.manifest;
        let source = manifest
            .sources
            .get(&SourceName::new(name))
            .with_context(|| format!("{} has no source `{name}`", self.manifest.display()))?;
        Ok(Chosen {
            scheme: source.verifier.scheme().to_owned(),
            settings: source.settings.clone(),
        })
    }

    /// The time to take for the present.
    pub(super) fn now(&self) -> UnixMillis {
        self.now
            .map_or_else(|| SystemClock.now(), |seconds| seconds.saturating_mul(1000))
    }
}

impl Chosen {
    /// The scheme with its keys, or everything that is wrong with the settings.
    pub(super) fn verifier(&self) -> anyhow::Result<Verifier> {
        build(&self.scheme, self.settings.clone()).map_err(|errors| {
            let lines: Vec<_> = errors.into_iter().map(|error| error.message).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })
    }
}

/// Headers as `Name: value`.
#[derive(Debug, Args)]
pub(super) struct HeaderArgs {
    /// A header of the request; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
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
        .ok_or_else(|| "write a number and a unit, such as `5m` or `90s`".to_owned())
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write `Name: value`")?;
    let name = name
        .trim()
        .parse::<HeaderName>()
        .map_err(|error| error.to_string())?;
    // As on the wire: any bytes but control characters.
    let value =
        HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|error| error.to_string())?;
    Ok((name, value))
}
