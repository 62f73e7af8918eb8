//! The folder that captures are written into.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::capture::Capture;
use tollgate_base::rfc3339;

/// The longest part of a file's name that comes from a request.
const LONGEST: usize = 60;

/// The folder that captures are written into. Its files are for their owner alone, since a request
/// may be somebody's personal data.
pub(super) struct CaptureFolder(PathBuf);

impl CaptureFolder {
    /// The folder, which is made if it is not there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a capture into a file of its own. Returns the path.
    pub(super) fn write(&self, capture: &Capture) -> anyhow::Result<PathBuf> {
        let mut text = serde_json::to_string_pretty(capture)?;
        text.push('\n');
        let name = name_of(capture);
        for number in 1_u32.. {
            let path = self.0.join(format!("{name}-{number}.json"));
            let opened = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match opened {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => {
                    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
                    written.with_context(|| path.display().to_string())?;
                    return Ok(path);
                }
            }
        }
        anyhow::bail!("{} has too many files", self.0.display())
    }
}

/// `20260528T202640Z-stripe-charge.refunded`, or with the reason of a refusal.
fn name_of(capture: &Capture) -> String {
    let time = rfc3339::format(capture.request.received_ms).replace(['-', ':'], "");
    let source = capture.request.source.as_deref().unwrap_or("none");
    let kind = capture.events().next().map(|event| event.kind.as_str());
    let what = capture.answer.code.as_deref().or(kind).unwrap_or("request");
    format!("{time}-{}-{}", plain(source), plain(what))
}

/// A text of a stranger, as a part of a file's name.
fn plain(text: &str) -> String {
    let chars = text.chars().take(LONGEST);
    chars
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '_',
        })
        .collect()
}
