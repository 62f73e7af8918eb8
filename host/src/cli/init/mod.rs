//! `tollgate init`: a folder with a manifest for some providers.

mod text;

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use tollgate_base::suggest::nearest;
use tollgate_scheme::{Page, page, pages};

use self::text::{MANIFEST, manifest, write_next};
use super::output::text_out;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder, which is made if it is not there.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// A provider, by the name of its scheme; several times for several providers. `tollgate
    /// schemes` lists them. Without a provider, the command asks.
    #[arg(long = "provider", value_name = "SCHEME")]
    providers: Vec<String>,
    /// The address on the internet that providers will post to, such as https://pay.example.com.
    #[arg(long, value_name = "URL", default_value = "https://pay.example.com")]
    url: String,
}

pub(super) fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let url = origin(&args.url)?;
    let pages = match args.providers.is_empty() {
        true => ask()?,
        false => chosen(args.providers.iter().map(String::as_str))?,
    };
    let path = args.folder.join(MANIFEST);
    write_new(&path, &manifest(&pages, &url))?;
    // The ledger and the keys are no part of a repository.
    let ignored = args.folder.join(".gitignore");
    if !ignored.exists() {
        write_new(&ignored, "/.tollgate/\n/data/\n/secrets/\n")?;
    }
    let handlers = args.folder.join("handlers");
    fs::create_dir_all(&handlers).with_context(|| format!("cannot make {}", handlers.display()))?;
    write_next(&mut text_out(), &args.folder, &pages, &url)?;
    Ok(ExitCode::SUCCESS)
}

/// The URL without its last slash. Providers post by HTTPS, and each source adds its path.
fn origin(url: &str) -> anyhow::Result<String> {
    let parsed: Option<http::Uri> = url.parse().ok();
    let fits = |url: &http::Uri| {
        let known = matches!(url.scheme_str(), Some("http" | "https"));
        known && url.path() == "/" && url.query().is_none()
    };
    match parsed.is_some_and(|url| fits(&url)) {
        true => Ok(url.trim_end_matches('/').to_owned()),
        false => bail!("`--url` is `https://HOST` without a path, not `{url}`"),
    }
}

/// Asks the person at the terminal for the providers.
fn ask() -> anyhow::Result<Vec<Page>> {
    if !io::stdin().is_terminal() {
        bail!("name a provider: `tollgate init --provider stripe`; `tollgate schemes` lists them");
    }
    let mut out = text_out();
    let names: Vec<_> = pages().map(|page| page.name()).collect();
    writeln!(out, "{}", names.join(" "))?;
    write!(
        out,
        "Which providers post to you? Names with a space between them: "
    )?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    chosen(
        answer
            .split([' ', ',', '\t', '\n'])
            .filter(|name| !name.is_empty()),
    )
}

/// The pages of the named schemes, each once.
fn chosen<'n>(names: impl Iterator<Item = &'n str>) -> anyhow::Result<Vec<Page>> {
    let mut chosen: Vec<Page> = Vec::new();
    for name in names {
        let Some(page) = page(name) else {
            let known = nearest(name, pages().map(|page| page.name()));
            let known = known.map(|name| format!(": did you mean `{name}`?"));
            bail!(
                "there is no scheme `{name}`{}",
                known.unwrap_or_else(|| "; `tollgate schemes` lists them".to_owned())
            );
        };
        if !chosen.iter().any(|other| other.name() == page.name()) {
            chosen.push(page);
        }
    }
    match chosen.is_empty() {
        true => bail!("no provider is named"),
        false => Ok(chosen),
    }
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is there already, and is left as it is", path.display())
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    };
    file.write_all(text.as_bytes())?;
    Ok(())
}
