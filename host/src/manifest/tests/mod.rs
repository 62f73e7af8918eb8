//! Goldens under `tests/manifests` and properties of the whole reader.
//!
//! A bad manifest's mistakes stand beside it in a `.stderr` file, a good one's warnings in
//! a `.warnings` file if it has any. `UPDATE_GOLDENS=1` rewrites these.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

mod meaning;
mod providers;

/// Values that must never be seen in a message.
const HIDDEN: &[&str] = &["whsec_", "sk_live", "hunter2", "from_file"];

fn env(name: &str) -> Option<String> {
    match name {
        "STRIPE_SECRET" => Some("whsec_from_env".to_owned()),
        "CRM_TOKEN" => Some("sk_live_token".to_owned()),
        "SPACED" => Some("whsec_spaced\n".to_owned()),
        "EMPTY" => Some(String::new()),
        "LISTEN" => Some("127.0.0.1:0".to_owned()),
        _ => None,
    }
}

fn manifests(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/manifests")
        .join(kind);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the goldens' folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    paths
}

/// Parses as if the file stood in a folder without a name, so that goldens name no
/// place of the machine, but reads the files beside it.
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
            // There may be none.
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

fn good(name: &str) -> (String, PathBuf) {
    let path = manifests("good")
        .into_iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))
        .expect(name);
    (fs::read_to_string(&path).expect("a golden"), path)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        // A failure is turned into a test of its own, not into a file.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = parse(&text, Path::new("m.toml"), &env).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn toml_like_text_is_read_without_panic(
        text in "([a-z_]{1,8}|\\[|\\]|\\{|\\}|=|\"|'|\\.|,|\n| |\\$\\{|[0-9]|#|é|\t|\r){0,80}"
    ) {
        let _ = parse(&text, Path::new("m.toml"), &env).map_err(|mistakes| mistakes.to_string());
    }

    /// A good manifest with a piece cut out, doubled or replaced: no panic, and no secret
    /// that is not written out in the clear in a harmless place.
    #[test]
    fn mutated_manifests_are_read_without_panic(
        from in 0usize..2500,
        length in 0usize..40,
        put in prop_oneof![
            Just(String::new()), "[\\[\\]{}=\",.\n'#$a-z0-9é-]{1,6}", Just("\"\"\"".to_owned()),
        ],
    ) {
        let (text, path) = good("full");
        let from = text.floor_char_boundary(from.min(text.len()));
        let to = text.floor_char_boundary((from + length).min(text.len()));
        let mutated = format!("{}{put}{}", &text[..from], &text[to..]);
        if let Err(mistakes) = parse(&mutated, &path, &env) {
            let shown = mistakes.to_string();
            for hidden in ["from_env", "from_file", "sk_live"] {
                prop_assert!(!shown.contains(hidden), "{shown}");
            }
        }
    }

    /// Wherever a manifest with written-out secrets is damaged, they are not shown.
    #[test]
    fn damaged_manifests_hide_their_secrets(
        at in 0usize..400,
        remove in 0usize..4,
        put in "[\\[\\]{}=\",\n'#.]{0,3}",
    ) {
        let text = r#"version = 1
[sources.stripe]
path = "/stripe"
scheme = "stripe"
secrets = [
  "whsec_hunter2a", 'whsec_hunter2b', # whsec_hunter2c
  """whsec_hunter2d""",
]
[handlers.a]
component = "a.wasm"
[[handlers.a.allow]]
origin = "https://a.example"
headers = { Authorization = "Bearer hunter2" }
[[routes]]
source = "stripe"
events = ["*"]
handlers = ["a"]
"#;
        let at = at.min(text.len());
        let to = (at + remove).min(text.len());
        let damaged = format!("{}{put}{}", &text[..at], &text[to..]);
        if let Err(mistakes) = parse(&damaged, Path::new("m.toml"), &env) {
            let shown = mistakes.to_string();
            prop_assert!(!shown.contains("hunter2"), "{damaged}\n{shown}");
        }
    }
}
