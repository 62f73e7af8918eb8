//! Private keys that stand in for a provider's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tollgate_events::new_key;
use tollgate_scheme::StandInKey;

use crate::cli::input::{MAX_SECRET, read_file};

/// Reads a private key.
pub(super) fn read(path: &Path) -> anyhow::Result<StandInKey> {
    let text = read_file(path, MAX_SECRET)?;
    let key = StandInKey::read(&text);
    key.map_err(|why| anyhow::anyhow!("{} {why}", path.display()))
}

/// Makes a key pair that stands in for the provider's: the private key in a new file, and what the
/// source takes as its secret in a file beside it.
pub(super) fn make(scheme: &str, path: &Path) -> anyhow::Result<()> {
    let Some(key) = new_key(scheme)? else {
        bail!("`{scheme}` signs with the source's secret: no key pair is needed");
    };
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    write(path, 0o600, &key.private)?;
    write(&public, 0o644, &key.secret)?;
    println_paths(scheme, path, &public)?;
    Ok(())
}

/// Writes a file that is not there yet.
fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let mut file = file.with_context(|| path.display().to_string())?;
    Ok(file.write_all(text.as_bytes())?)
}

fn println_paths(scheme: &str, private: &Path, public: &Path) -> std::io::Result<()> {
    let mut out = crate::cli::output::text_out();
    let (private, public) = (private.display(), public.display());
    writeln!(
        out,
        "in the manifest, for a source with scheme = \"{scheme}\" that is for tests alone:"
    )?;
    writeln!(out, "  secrets = [{{ file = \"{public}\" }}]")?;
    writeln!(out, "then: tollgate trigger EVENT --key {private}")?;
    writeln!(
        out,
        "Whoever has {private} can forge events for that source."
    )
}
