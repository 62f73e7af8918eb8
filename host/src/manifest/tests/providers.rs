//! The snippets on the providers' pages are manifests.

use std::path::Path;

use tollgate_scheme::pages;

/// The scheme's first test vector.
fn vector(scheme: &str) -> serde_json::Value {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package.join(format!("../tests/oracles/vectors/{scheme}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(file["scheme"], scheme);
    file["vectors"][0].take()
}

#[test]
fn every_snippet_is_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    for page in pages() {
        let vector = vector(page.name());
        let text = |value: &serde_json::Value| Some(value.as_str()?.to_owned());
        let secret = text(&vector["secrets"][0]);
        if let Some(file) = page.secret_file() {
            std::fs::write(folder.path().join(file), secret.as_ref().unwrap()).unwrap();
        }
        // A variable is the source's secret, unless its name ends with that of a setting.
        let env = |name: &str| {
            let mut params = vector["params"].as_object().into_iter().flatten();
            let param = params.find(|(param, _)| name.ends_with(&param.to_uppercase()));
            param.map_or_else(|| secret.clone(), |(_, value)| text(value))
        };
        let path = folder.path().join("tollgate.toml");
        std::fs::write(&path, format!("version = 1\n{}", page.snippet())).unwrap();
        let manifest = crate::manifest::load(&path, &env)
            .unwrap_or_else(|mistakes| panic!("{}: {mistakes}", page.name()));
        assert_eq!(manifest.sources.len(), 1);
        let source = manifest.sources.values().next().unwrap();
        assert_eq!(source.verifier.scheme(), page.name());
    }
}
