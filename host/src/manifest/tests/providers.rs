//! The snippets on the providers' pages are manifests.

use std::path::Path;

use tollgate_scheme::pages;

/// The first secret of the scheme's first test vector, if it needs one.
fn secret(scheme: &str) -> Option<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package.join(format!("../tests/oracles/vectors/{scheme}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(file["scheme"], scheme);
    let secret = file["vectors"][0]["secrets"].get(0)?;
    Some(secret.as_str().unwrap().to_owned())
}

#[test]
fn every_snippet_is_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    for page in pages() {
        let secret = secret(page.name());
        if let Some(file) = page.secret_file() {
            std::fs::write(folder.path().join(file), secret.as_ref().unwrap()).unwrap();
        }
        let env = |_: &str| secret.clone();
        let path = folder.path().join("tollgate.toml");
        std::fs::write(&path, format!("version = 1\n{}", page.snippet())).unwrap();
        let manifest = crate::manifest::load(&path, &env)
            .unwrap_or_else(|mistakes| panic!("{}: {mistakes}", page.name()));
        assert_eq!(manifest.sources.len(), 1);
        let source = manifest.sources.values().next().unwrap();
        assert_eq!(source.verifier.scheme(), page.name());
    }
}
