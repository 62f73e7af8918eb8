//! Libraries that are put under a gateway to stand between it and the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Site;

/// Compiles a source within `tests/` to a library within the site's folder.
pub(super) fn library(site: &Site, source: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests")
        .join(source);
    let library = site.path(source.file_name().unwrap()).with_extension("so");
    let compiled = Command::new("cc")
        .args(["-Wall", "-Wextra", "-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success() && said.is_empty(), "{said}");
    library
}
