//! The JSON Schema of the manifest, which editors take: `tollgate config schema`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::skip;

/// The tables at the top of a manifest.
const TABLES: [&str; 12] = [
    "version",
    "server",
    "ledger",
    "plugins",
    "reload",
    "outbox",
    "schemes",
    "sources",
    "handlers",
    "routes",
    "alerts",
    "alert_receivers",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The mistakes of each text by the schema. `None` if no validator is installed.
fn mistakes(texts: &BTreeMap<String, String>) -> Option<BTreeMap<String, Vec<Value>>> {
    let python = root().join("target/api/python/bin/python");
    if !python.exists() {
        skip("schemathesis and its validator are not installed");
        return None;
    }
    let schema = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["config", "schema"])
        .output()
        .unwrap();
    assert!(schema.status.success(), "{schema:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.json");
    std::fs::write(&file, schema.stdout).unwrap();
    let mut child = Command::new(python)
        .arg(root().join("tests/api/validate.py"))
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(texts).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The manifests in a folder and below, by their paths.
fn manifests(folder: &str, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "toml") {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(&path).unwrap();
                if wanted(&text) {
                    found.insert(name, text);
                }
            }
        }
    }
    found
}

/// The pieces of manifests on the pages of the documentation.
fn snippets() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, piece) in text.split("```toml\n").skip(1).enumerate() {
            let piece = piece.split("```").next().unwrap();
            let tables = piece.lines().filter(|line| line.starts_with('['));
            let mut names = tables.map(|line| {
                let name = line.trim_start_matches('[');
                name.split(['.', ']']).next().unwrap()
            });
            let first = piece.lines().find(|line| !line.trim().is_empty());
            let begins =
                first.is_some_and(|line| line.starts_with('[') || line.starts_with("version"));
            if begins && names.all(|name| TABLES.contains(&name)) {
                let name = format!("{} {number}", path.display());
                found.insert(name, format!("{piece}\n"));
            }
        }
    }
    found
}

#[test]
fn every_manifest_that_serves_fits_the_schema() {
    let mut texts = manifests("tests/manifests/good", |_| true);
    texts.extend(manifests("examples", |text| text.contains("version = 1")));
    assert!(texts.len() > 10, "{}", texts.len());
    let pieces = snippets();
    assert!(pieces.len() > 20, "{}", pieces.len());
    texts.extend(pieces);
    let Some(mistakes) = mistakes(&texts) else {
        return;
    };
    for (name, mut found) in mistakes {
        // A piece on a page leaves the version out, and some keys that it is not about.
        found.retain(|one| {
            !one["what"]
                .as_str()
                .unwrap()
                .contains("is a required property")
        });
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn a_key_that_the_parser_does_not_know_does_not_fit_the_schema() {
    let texts = manifests("tests/manifests/bad", |_| true);
    let refused: BTreeMap<_, _> = texts
        .into_iter()
        .filter(|(name, text)| {
            let told = Path::new(name).with_extension("stderr");
            let told = std::fs::read_to_string(told).unwrap_or_default();
            // What a setting of a scheme holds, the schema does not know, and editors do not read
            // what is no TOML.
            let unknown = told.matches("is not a key of").count();
            let of_settings = told.matches("is not a key of a secret from a file").count();
            unknown > of_settings && toml::from_str::<toml::Table>(text).is_ok()
        })
        .collect();
    assert!(refused.len() > 5, "{}", refused.len());
    let Some(mistakes) = mistakes(&refused) else {
        return;
    };
    for (name, found) in mistakes {
        assert!(!found.is_empty(), "{name} fits the schema");
    }
}
