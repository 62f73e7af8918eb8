//! Goldens under `tests/manifests`.
//!
//! The mistakes of a bad manifest are in a `.stderr` file beside the manifest. The warnings of a
//! good manifest are in a `.warnings` file, if there are any. `UPDATE_GOLDENS=1` rewrites these
//! files.

use std::fs;
use std::path::Path;

use super::{env, manifests};
use crate::manifest::parse;
use crate::settings::Manifest;

/// Values that no message may contain.
const HIDDEN: &[&str] = &["whsec_", "sk_live", "hunter2", "from_file"];

/// Parses a golden and removes the folder's name from all messages, because the name depends on the
/// machine.
fn parse_golden(path: &Path) -> Result<Manifest, String> {
    let text = fs::read_to_string(path).expect("a golden");
    let folder = path.parent().expect("a folder").display().to_string();
    let result = parse(&text, path, &env);
    let short = |text: String| text.replace(&format!("{folder}/"), "");
    match result {
        Ok(mut manifest) => {
            manifest.warnings = manifest.warnings.into_iter().map(short).collect();
            Ok(manifest)
        }
        Err(mistakes) => Err(short(mistakes.to_string())),
    }
}

fn compare(golden: &Path, found: &str) -> Result<(), String> {
    for hidden in HIDDEN {
        assert!(!found.contains(hidden), "{hidden} is shown:\n{found}");
    }
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        if found.is_empty() {
            // A golden may be missing.
            let _ = fs::remove_file(golden);
        } else {
            fs::write(golden, found).expect("write a golden");
        }
        return Ok(());
    }
    let wanted = fs::read_to_string(golden).unwrap_or_default();
    if wanted == found {
        return Ok(());
    }
    Err(format!(
        "{}\n--- wanted\n{wanted}\n+++ found\n{found}",
        golden.display()
    ))
}

#[test]
fn bad_manifests_are_refused_as_recorded() {
    let paths = manifests("bad");
    assert!(paths.len() >= 25, "only {} goldens", paths.len());
    let mut failures = Vec::new();
    for path in paths {
        match parse_golden(&path) {
            Ok(_) => failures.push(format!("{} is accepted", path.display())),
            Err(found) => failures.extend(compare(&path.with_extension("stderr"), &found).err()),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn good_manifests_are_accepted_with_the_recorded_warnings() {
    let mut failures = Vec::new();
    for path in manifests("good") {
        match parse_golden(&path) {
            Ok(manifest) => {
                let found: String = manifest
                    .warnings
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect();
                failures.extend(compare(&path.with_extension("warnings"), &found).err());
            }
            Err(found) => failures.push(found),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
