//! Secrets for local work: made where the manifest names a variable that is not set.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tollgate_base::files::{read_regular_text, write_atomically};
use tollgate_base::random::random_bytes;
use tollgate_events::secret_example;

use crate::generation::Env;

/// The bytes of a secret that is made.
const BYTES: usize = 32;
/// The most bytes of the file of secrets.
const MOST: usize = 1 << 20;

/// The secrets that were made, by the variables that stand for them.
pub(super) struct LocalSecrets {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl LocalSecrets {
    /// The secrets that are kept in the folder, and new ones for the variables in the `secrets` of
    /// sources that are not set.
    pub(super) fn in_folder(folder: &Path, manifest: &str) -> anyhow::Result<Self> {
        let path = folder.join("secrets.json");
        let kept = match read_regular_text(&path, MOST) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged: remove the file", path.display()))?,
            Err(_) => BTreeMap::new(),
        };
        let mut secrets = Self { path, values: kept };
        secrets.make(manifest)?;
        Ok(secrets)
    }

    fn make(&mut self, manifest: &str) -> anyhow::Result<()> {
        let unset = unset_in_secrets(manifest, &|name| std::env::var_os(name).is_some());
        for (variable, scheme) in &unset {
            if !self.values.contains_key(variable) {
                let secret = new_secret(secret_example(scheme).unwrap_or_default())?;
                self.values.insert(variable.clone(), secret);
            }
        }
        self.values
            .retain(|variable, _| unset.contains_key(variable));
        let text = serde_json::to_string_pretty(&self.values)?;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write_atomically(&self.path, text.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// The variables with their values, in alphabetical order.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.iter();
        values.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The environment of the process, and these secrets for what is not set.
    pub(super) fn environment(&self) -> Env {
        let values = self.values.clone();
        Arc::new(move |name: &str| {
            std::env::var(name)
                .ok()
                .or_else(|| values.get(name).cloned())
        })
    }
}

/// The variables without a value and without a default in the `secrets` of sources, each with the
/// scheme of its source. A manifest with mistakes has none: the start tells the mistakes.
fn unset_in_secrets(manifest: &str, is_set: &dyn Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let sources = table.get("sources").and_then(toml::Value::as_table);
    for (_, source) in sources.into_iter().flatten() {
        let scheme = source.get("scheme").and_then(toml::Value::as_str);
        let secrets = source.get("secrets").and_then(toml::Value::as_array);
        for secret in secrets.into_iter().flatten() {
            let text = secret.as_str().or_else(|| secret.get("value")?.as_str());
            let inside = text.and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
            if let Some(name) = inside.filter(|name| !name.contains([':', '$', '{']))
                && !is_set(name)
            {
                found.insert(name.to_owned(), scheme.unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// A random secret in the form of the example.
fn new_secret(example: &str) -> anyhow::Result<String> {
    let bytes = random_bytes().context("there are no random numbers")?;
    Ok(in_form_of(example, &bytes))
}

fn in_form_of(example: &str, bytes: &[u8; BYTES]) -> String {
    let is_hex = |text: &str| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex(example) {
        let hex = hex::encode(bytes).repeat(example.len().div_ceil(2 * BYTES));
        return hex[..example.len()].to_owned();
    }
    match example.strip_prefix("whsec_") {
        Some(_) => format!("whsec_{}", STANDARD.encode(bytes)),
        None => format!("local_{}", URL_SAFE_NO_PAD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_not_set_are_found_with_their_scheme() {
        let manifest = r#"
            [server]
            listen = "${LISTEN}"
            [sources.stripe]
            scheme = "stripe"
            secrets = ["${SET}", "${UNSET}", "${DEFAULT:-x}", "plain"]
            [sources.adyen]
            scheme = "adyen"
            secrets = [{ value = "${ADYEN}", expires = "2027-01-01" }, { file = "x" }]
        "#;
        let found = unset_in_secrets(manifest, &|name| name == "SET");
        let found: Vec<_> = found
            .iter()
            .map(|(name, scheme)| (&**name, &**scheme))
            .collect();
        assert_eq!(found, [("ADYEN", "adyen"), ("UNSET", "stripe")]);
        assert!(unset_in_secrets("no toml", &|_| false).is_empty());
    }

    #[test]
    fn a_secret_has_the_form_that_its_scheme_wants() {
        for scheme in tollgate_events::schemes() {
            let Some(example) = secret_example(scheme) else {
                continue;
            };
            let secrets = [new_secret(example).unwrap()];
            let built = tollgate_events::LocalSource::with_secrets(scheme, &secrets);
            assert!(built.is_ok(), "{scheme}: {secrets:?}: {:?}", built.err());
        }
    }
}
