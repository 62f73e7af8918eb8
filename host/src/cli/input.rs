//! Files that a user names: of any kind, also pipes, and never without a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail};

/// The most bytes of a body or a value.
pub(super) const MAX_BODY: u64 = 64 << 20;

/// The most bytes of a key, a secret or a certificate.
pub(super) const MAX_SECRET: u64 = 1 << 20;

/// The bytes of a file; `-` is standard input.
///
/// # Errors
/// The file cannot be read, or has more than `limit` bytes. A device may have no end.
pub(super) fn read_input(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    match path == Path::new("-") {
        true => read(io::stdin().lock(), limit).context("standard input"),
        false => read_file(path, limit),
    }
}

/// As [`read_input`], for a path that stands for no standard input.
pub(super) fn read_file(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let opened = File::open(path).map_err(anyhow::Error::from);
    let read = opened.and_then(|file| read(file, limit));
    read.with_context(|| format!("{} cannot be read", path.display()))
}

fn read(from: impl Read, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        bail!("more than {limit} bytes");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_its_end() {
        let error = read_file(Path::new("/dev/zero"), 1000).unwrap_err();
        let told = format!("{error:#}");
        assert_eq!(told, "/dev/zero cannot be read: more than 1000 bytes");
        let whole = read(&b"1234"[..], 4).unwrap();
        assert_eq!(whole, b"1234");
        assert!(read(&b"12345"[..], 4).is_err());
    }
}
