//! The data of the providers.

use super::*;
use crate::declarative::{Dedup, DedupBy, Selectors};
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

#[test]
fn an_id_put_together_of_other_values_is_no_identity() {
    // An object may have one status twice, with other values beside it, such as two refunds.
    for (name, provider) in providers() {
        let Some(template) = &provider.scheme else {
            continue;
        };
        let mut ids = template.id.iter().flat_map(Selectors::iter);
        let by_id = matches!(
            template.dedup,
            None | Some(Dedup::By(DedupBy::Id | DedupBy::IdOrBody))
        );
        assert!(!by_id || ids.all(|id| !id.contains('{')), "{name}");
    }
}
