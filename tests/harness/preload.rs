//! Libraries that stand between a gateway and the system (LD_PRELOAD).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Site;

/// Compiles a source file in `tests/` to a library in the site's folder.
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
