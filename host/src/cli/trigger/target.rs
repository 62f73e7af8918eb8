//! Whose events are posted, where, and under which secret.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use http::Uri;
use tollgate_events::{LocalSource, Story};
use tollgate_scheme::{
    SignError, SignedRequest, SourceSecret, StandInKey, UnsignedRequest, Verifier,
};

use super::args::TriggerArgs;
use super::key;
use crate::cli::environment::environment;
use crate::cli::gateway::{Client, port_of, reachable};
use crate::cli::request::{CapturedFile, SchemeSetup};
use crate::generation::read_manifest;
use crate::settings::{Manifest, Source};
use tollgate_base::event::SourceName;
use tollgate_base::secret::Secret;
use tollgate_base::suggest::nearest;
use tollgate_base::time::WallTime;

/// Whose events are posted, where, and under which secret.
pub(super) struct Target {
    /// The scheme of the events.
    pub(super) scheme: String,
    /// The source of the manifest, if there is one.
    pub(super) source: Option<String>,
    pub(super) verifier: Verifier,
    /// The private key that stands in for the provider's.
    key: Option<StandInKey>,
    /// Where to post. `None` if nothing is posted.
    pub(super) url: Option<Uri>,
    /// The admin service of the gateway, and a token of it, if the manifest is that gateway's.
    admin: Option<(SocketAddr, Option<Secret>)>,
    /// The source's secrets, in order.
    pub(super) secrets: Vec<SourceSecret>,
}

impl Target {
    /// The target of captures: the source that the arguments name, or the one that the captures
    /// came to.
    pub(super) fn of_captures(
        args: &TriggerArgs,
        captures: &[CapturedFile],
    ) -> anyhow::Result<Self> {
        if args.scheme.source().is_some() || args.scheme.scheme().is_some() {
            return Self::of(args);
        }
        let sources: BTreeSet<_> = captures.iter().map(CapturedFile::source).collect();
        match sources.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(one)] => Self::of_source(args, one),
            [None] => bail!("no source had the path of these requests: name one with `--source`"),
            _ => bail!("the captures came to several sources: post those of one at a time"),
        }
    }

    /// The target that the arguments mean.
    pub(super) fn of(args: &TriggerArgs) -> anyhow::Result<Self> {
        match (args.scheme.source(), args.scheme.scheme()) {
            (Some(source), _) => Self::of_source(args, source),
            (None, Some(scheme)) => Self::of_scheme(args, scheme),
            (None, None) => Self::of_source(args, &source_with(args)?),
        }
    }

    fn of_source(args: &TriggerArgs, name: &str) -> anyhow::Result<Self> {
        let path = args.scheme.manifest();
        let manifest = read_manifest(path, &environment())?.manifest;
        let source = found(&manifest, name, path)?;
        let scheme = source.verifier.scheme().to_owned();
        if source.template.is_some() && args.capture.is_empty() {
            bail!(
                "the scheme `{scheme}` of the source `{name}` is described in the manifest, and \
                 there are no events of it: post a body of your own with `tollgate sign`"
            );
        }
        let url = match &args.to {
            Some(to) => with_path(to, &source.path)?,
            None => address_of(&manifest, &source.path)?,
        };
        let setup = SchemeSetup::of(source);
        let here = args.to.is_none() || url.host().is_some_and(is_loopback);
        let token = manifest.admin_tokens.first();
        let token = token.map(|token| token.token.clone());
        Ok(Self {
            admin: here.then_some((manifest.server.admin, token)),
            ..Self::built(args, setup, Some(name), Some(url))?
        })
    }

    /// The scheme of a source of the manifest.
    pub(super) fn scheme_of(args: &TriggerArgs, name: &str) -> anyhow::Result<String> {
        let path = args.scheme.manifest();
        let manifest = read_manifest(path, &environment())?.manifest;
        let source = found(&manifest, name, path)?;
        Ok(source.verifier.scheme().to_owned())
    }

    fn of_scheme(args: &TriggerArgs, scheme: &str) -> anyhow::Result<Self> {
        // A name that is wrong is told before a secret that is missing.
        Story::new(scheme, 0)?;
        let to = args.to.as_deref().or(args.scheme.posted_url());
        let url = to.map(|to| with_path(to, "/")).transpose()?;
        if args.print.is_none() && url.is_none() {
            bail!("with `--scheme`, say where to post: `--to http://127.0.0.1:8080/webhooks/…`");
        }
        if args.print.is_some() && !args.scheme.has_secrets() {
            // What is only printed needs no real secret.
            let LocalSource { verifier, key } = LocalSource::new(scheme)?;
            return Ok(Self {
                scheme: scheme.to_owned(),
                source: None,
                verifier,
                key,
                url,
                admin: None,
                secrets: Vec::new(),
            });
        }
        Self::built(args, args.scheme.setup()?, None, url)
    }

    fn built(
        args: &TriggerArgs,
        mut setup: SchemeSetup,
        source: Option<&str>,
        url: Option<Uri>,
    ) -> anyhow::Result<Self> {
        // Where to post is the URL of a scheme that signs a URL, if no setting names another.
        let own = setup.settings.url.clone();
        setup.settings.url = own.clone().or(url.as_ref().map(Uri::to_string));
        let verifier = setup.verifier().or_else(|_| {
            setup.settings.url = own;
            setup.verifier()
        })?;
        Ok(Self {
            key: args.key.as_deref().map(key::read).transpose()?,
            verifier,
            scheme: setup.scheme,
            source: source.map(str::to_owned),
            url,
            admin: None,
            secrets: setup.settings.secrets,
        })
    }

    /// A client of the gateway's admin service, if the manifest names it.
    pub(super) fn admin(&self) -> Option<Client> {
        let (address, token) = self.admin.clone()?;
        Some(Client::at(address, token))
    }

    /// The request, signed as the provider signs it.
    pub(super) fn sign(
        &self,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> anyhow::Result<SignedRequest> {
        let signed = match &self.key {
            Some(key) => self.verifier.sign_with_key(key, unsigned, now),
            None => self.verifier.sign(0, unsigned, now),
        };
        let scheme = &self.scheme;
        signed.map_err(|error| match error {
            SignError::NotShared => anyhow!(
                "an event of `{scheme}` cannot be signed: {error}. A key pair of your own can stand \
                 in for it: `tollgate trigger --new-key FILE --scheme {scheme}` makes one; give \
                 FILE.pub to the source as its secret, and add `--key FILE`"
            ),
            error => anyhow!("an event of `{scheme}` cannot be signed: {error}"),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A source of the manifest by its name.
fn found<'m>(manifest: &'m Manifest, name: &str, path: &Path) -> anyhow::Result<&'m Source> {
    let source = manifest.sources.get(&SourceName::new(name));
    let source = source.with_context(|| {
        let names = manifest.sources.keys().map(SourceName::as_str);
        let hint = nearest(name, names).map(|known| format!(": did you mean `{known}`?"));
        let hint = hint.unwrap_or_default();
        format!("{} has no source `{name}`{hint}", path.display())
    })?;
    Ok(source)
}

/// The only source of the manifest whose scheme has the event or the scenario.
fn source_with(args: &TriggerArgs) -> anyhow::Result<String> {
    let path = args.scheme.manifest();
    let manifest = read_manifest(path, &environment())
        .context("without `--source` and `--scheme`, the manifest says whose event it is")?
        .manifest;
    let built_in = manifest
        .sources
        .values()
        .filter(|source| source.template.is_none());
    let built_in: Vec<_> = built_in.collect();
    let has = |scheme: &str| match (&args.event, &args.scenario) {
        (Some(event), _) => tollgate_events::has_event(scheme, event),
        (_, Some(story)) => tollgate_events::stories(scheme).any(|(name, _)| name == story),
        (None, None) => false,
    };
    let fitting = built_in
        .iter()
        .filter(|source| has(source.verifier.scheme()));
    let names: Vec<&str> = fitting.map(|source| source.name.as_str()).collect();
    match (names.as_slice(), built_in.as_slice()) {
        ([one], _) => Ok((*one).to_owned()),
        // The error says which names were probably meant.
        ([], [only]) => Ok(only.name.as_str().to_owned()),
        ([], _) => {
            let wanted = args.event.as_ref().or(args.scenario.as_ref());
            bail!(
                "no source of {} has `{}`: `tollgate trigger --list` shows the events",
                path.display(),
                wanted.map_or("", String::as_str)
            )
        }
        (several, _) => bail!(
            "several sources have it: add `--source {}`",
            several.join("` or `--source ")
        ),
    }
}

/// The URL of a source at the gateway of this manifest.
fn address_of(manifest: &Manifest, path: &str) -> anyhow::Result<Uri> {
    let address = reachable(manifest.server.listen);
    if address.port() == 0 {
        bail!(
            "the manifest leaves the port open: say where to post with `--to http://127.0.0.1:PORT`"
        );
    }
    let scheme = if manifest.tls.is_some() {
        "https"
    } else {
        "http"
    };
    Ok(format!("{scheme}://{address}{path}").parse()?)
}

/// A URL, with this path if it has none.
fn with_path(url: &str, path: &str) -> anyhow::Result<Uri> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        bail!("`{url}` is no URL to post to: write `http://127.0.0.1:8080{path}`");
    }
    if let Some(authority) = uri.authority() {
        port_of(authority)?;
    }
    if !matches!(uri.path(), "" | "/") {
        return Ok(uri);
    }
    Ok(format!("{}{path}", url.trim_end_matches('/')).parse()?)
}
