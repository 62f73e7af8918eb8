//! Tests of the whole parser.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Mistakes, parse};
use crate::settings::Manifest;

mod allowed;
mod expiry;
mod goldens;
mod mistakes;
mod properties;
mod providers;
mod settings;

fn env(name: &str) -> Option<String> {
    match name {
        "STRIPE_SECRET" => Some("whsec_from_env".to_owned()),
        "CRM_TOKEN" => Some("sk_live_token".to_owned()),
        "SPACED" => Some("whsec_spaced\n".to_owned()),
        "EMPTY" => Some(String::new()),
        "EAB_KEY" => Some("aHVudGVyMg".to_owned()),
        "ADMIN_READ" => Some("hunter2_hunter2_hunter2".to_owned()),
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

fn good(name: &str) -> (String, PathBuf) {
    let path = manifests("good")
        .into_iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))
        .expect(name);
    (fs::read_to_string(&path).expect("a golden"), path)
}

fn parse_good(name: &str) -> (Manifest, PathBuf) {
    let (text, path) = good(name);
    let folder = path.parent().expect("a folder").to_owned();
    (parse(&text, &path, &env).expect(name), folder)
}

fn parse_text(text: &str) -> Result<Manifest, Mistakes> {
    parse(text, Path::new("folder/m.toml"), &env)
}
