//! The files that travel inside the program: `build.rs` lists them.

use std::fs;
use std::io;
use std::path::Path;

/// The files by their names, such as `wit/types.wit` and `sdk/rust/Cargo.toml`, in order.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The files below a folder, such as `templates/rust`, by their names in the folder.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(name, bytes)| {
        let name = name.strip_prefix(folder)?.strip_prefix('/')?;
        Some((name, *bytes))
    })
}

/// Writes the WIT package into a folder, and makes the folder.
///
/// # Errors
/// A file cannot be written.
pub fn write_wit(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in below("wit") {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_there() {
        assert!(below("wit").any(|(name, _)| name == "world.wit"));
        assert!(below("sdk/rust").any(|(name, _)| name == "src/lib.rs"));
        // The SDK has the WIT package with it.
        assert!(below("sdk/rust").any(|(name, _)| name == "wit/types.wit"));
        assert!(below("templates/rust").any(|(name, _)| name == "Cargo.toml"));
        assert!(!below("sdk").any(|(name, _)| name.contains("/target/")));
    }
}
