//! The data of the providers.

use super::*;
use crate::providers::{Coded, all as providers};

#[test]
fn no_built_in_scheme_has_a_mistake() {
    for (name, provider) in providers() {
        let coded = Coded::named(name).is_some();
        assert_eq!(provider.code.is_some(), coded, "{name}");
        assert_eq!(provider.scheme.is_some(), !coded, "{name}");
        if let Some(template) = &provider.scheme {
            assert_eq!(template.check(), [], "{name}");
            assert!(template.title.is_some(), "{name}");
        }
    }
}

#[test]
fn every_file_is_listed_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .collect();
    files.sort();
    let listed: Vec<&str> = provider_files().map(|(name, _)| name).collect();
    assert_eq!(listed, files);
}

#[test]
fn every_coded_provider_has_a_file() {
    let coded: Vec<&str> = providers()
        .filter(|(_, provider)| provider.code.is_some())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(coded, Coded::ALL.map(Coded::name));
}
