//! A scheme with its settings, as arguments.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tollgate_base::event::SourceName;
use tollgate_base::files::read_regular_text;
use tollgate_base::secret::Secret;
use tollgate_base::time::{Clock, SystemClock, WallTime};
use tollgate_scheme::{
    self, BuildError, Setting, Settings, SourceSecret, Template, Verifier, build_with,
};

use crate::cli::arguments;
use crate::cli::environment::environment;
use crate::cli::input::{MAX_SECRET, read_file};
use crate::generation::read_manifest;
use crate::manifest::{MAX_SIZE, own_schemes};
use crate::settings::Source;

/// The default of `--manifest`.
const DEFAULT_MANIFEST: &str = "tollgate.toml";

/// A scheme with its settings.
#[derive(Debug, Args)]
pub(in crate::cli) struct SchemeArgs {
    /// A source of the manifest. The command uses its scheme and secrets.
    #[arg(long, conflicts_with_all = ["scheme", "secret", "secret_file", "param"])]
    source: Option<String>,
    /// The manifest with the source or the scheme.
    #[arg(long, default_value = DEFAULT_MANIFEST, env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The name of a scheme, instead of a source: a built-in scheme, or a scheme in
    /// `[schemes.NAME]` of the manifest.
    #[arg(long)]
    scheme: Option<String>,
    /// A secret as the provider shows it, or a key or certificate as PEM or JWK. Use this option
    /// once for each secret.
    #[arg(long, allow_hyphen_values = true)]
    secret: Vec<String>,
    /// A file with a secret, a key or a certificate, to keep the secret out of the list of
    /// processes. Use this option once for each file. These secrets count after the secrets of
    /// `--secret`.
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    secret_file: Vec<PathBuf>,
    /// A setting of the scheme, such as `webhook_id=…`. Use this option once for each setting.
    #[arg(long, value_name = "KEY=VALUE", value_parser = arguments::pair)]
    param: Vec<(String, String)>,
    /// The greatest difference between the signed time and the present time, such as `5m`.
    #[arg(long, value_parser = arguments::duration)]
    tolerance: Option<Duration>,
    /// The URL of the request, as the provider has it, with its query.
    #[arg(long)]
    url: Option<String>,
    /// The time that counts as the present, in seconds since 1970.
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
}

/// The name of a scheme with its settings: all that a verifier is built from.
pub(in crate::cli) struct SchemeSetup {
    pub(in crate::cli) scheme: String,
    /// The description of an own scheme of the manifest.
    template: Option<Arc<Template>>,
    pub(in crate::cli) settings: Settings,
}

impl SchemeArgs {
    /// The name of the source, if the arguments name one.
    pub(in crate::cli) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The name of the scheme, if the arguments name one instead of a source.
    pub(in crate::cli) fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    /// The manifest with the source.
    pub(in crate::cli) fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// The URL of the request, if the arguments name one.
    pub(in crate::cli) fn posted_url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Whether the arguments name a secret of the scheme.
    pub(in crate::cli) fn has_secrets(&self) -> bool {
        !(self.secret.is_empty() && self.secret_file.is_empty())
    }

    /// The scheme and the settings that the arguments mean.
    pub(in crate::cli) fn setup(&self) -> anyhow::Result<SchemeSetup> {
        self.setup_or(None)
    }

    /// The same, with a source for arguments that name neither a source nor a scheme.
    pub(in crate::cli) fn setup_or(&self, source: Option<&str>) -> anyhow::Result<SchemeSetup> {
        let source = source.filter(|_| self.scheme.is_none());
        let mut setup = match (self.source.as_deref().or(source), &self.scheme) {
            (Some(source), _) => self.of_source(source)?,
            (None, Some(scheme)) => SchemeSetup {
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
            setup.settings.tolerance = self.tolerance;
        }
        if self.url.is_some() {
            setup.settings.url.clone_from(&self.url);
        }
        Ok(setup)
    }

    fn secrets(&self) -> anyhow::Result<Vec<SourceSecret>> {
        let secrets = self.secret.iter().map(|text| Secret::new(text.as_bytes()));
        let mut secrets: Vec<SourceSecret> = secrets.map(SourceSecret::from).collect();
        for path in &self.secret_file {
            let text = read_file(path, MAX_SECRET)?;
            // As in a manifest, the newline of an editor is no part of the secret.
            secrets.push(Secret::new(text.trim_ascii_end()).into());
        }
        Ok(secrets)
    }

    /// The URL of the request, for the scheme.
    pub(in crate::cli) fn url<'s>(&'s self, setup: &'s SchemeSetup) -> &'s str {
        let url = self.url.as_deref().or(setup.settings.url.as_deref());
        url.unwrap_or("/")
    }

    /// The description of a scheme in the manifest. `None` for a built-in scheme, and if the
    /// manifest has no such scheme.
    fn own_scheme(&self, name: &str) -> anyhow::Result<Option<Arc<Template>>> {
        if tollgate_scheme::names().any(|built_in| built_in == name) {
            return Ok(None);
        }
        let text = match read_regular_text(&self.manifest, MAX_SIZE) {
            // The user has named no manifest, so the manifest may be missing.
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

    fn of_source(&self, name: &str) -> anyhow::Result<SchemeSetup> {
        let manifest = read_manifest(&self.manifest, &environment())?.manifest;
        let source = manifest
            .sources
            .get(&SourceName::new(name))
            .with_context(|| format!("{} has no source `{name}`", self.manifest.display()))?;
        Ok(SchemeSetup::of(source))
    }

    /// The time that counts as the present.
    pub(in crate::cli) fn now(&self) -> WallTime {
        self.said_now().unwrap_or_else(|| SystemClock.now())
    }

    /// The time that counts as the present, if the arguments say one.
    pub(in crate::cli) fn said_now(&self) -> Option<WallTime> {
        self.now.map(WallTime::from_secs)
    }
}

impl SchemeSetup {
    /// The scheme of a source with its settings.
    pub(in crate::cli) fn of(source: &Source) -> Self {
        Self {
            scheme: source.verifier.scheme().to_owned(),
            template: source.template.clone(),
            settings: source.settings.clone(),
        }
    }

    /// The verifier of the scheme with other settings.
    pub(in crate::cli) fn build(&self, settings: Settings) -> Result<Verifier, Vec<BuildError>> {
        build_with(&self.scheme, self.template.as_deref(), settings)
    }

    /// The verifier of the scheme.
    ///
    /// A user may give a URL and a tolerance for many requests of several schemes. If the scheme
    /// does not use the URL or the tolerance, this function removes them from the settings.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub(in crate::cli) fn verifier(&mut self) -> anyhow::Result<Verifier> {
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
