//! The parser of schemes agrees with serde, which reads the built-in schemes.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use tollgate_scheme::Template;

use super::names::{ALGORITHMS, DEDUPS, KEY_ENCODINGS, LAYOUTS, SIGNATURE_ENCODINGS, UNITS};
use super::schemes;
use crate::manifest::parse;
use crate::manifest::table::{Context, Variants};
use crate::manifest::text::tree::{self, Value};

/// The built-in schemes that are templates: name and text.
fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    tollgate_scheme::provider_files().filter_map(|(name, text)| {
        let (_, text) = text.split_once("[scheme]\n")?;
        let (text, _) = text.split_once("\n[page]\n")?;
        Some((name, text))
    })
}

/// The built-in schemes under other names.
fn built_in_as_own() -> String {
    let mut own = String::from("version = 1\n");
    for (name, text) in built_in() {
        own.push_str(&format!("[schemes.own-{name}]\n{text}\n"));
    }
    own
}

#[test]
fn the_built_in_descriptions_read_the_same_in_a_manifest() {
    let text = built_in_as_own();
    let (root, syntax) = tree::parse(&text);
    assert!(syntax.is_empty());
    let mut cx = Context::new(Path::new(""), &|_| None);
    let Value::Table(table) = &root.value else {
        panic!("a table");
    };
    let read = schemes(&mut cx, table.get("schemes").map(|(_, node)| node));
    assert_eq!(cx.diagnostics.mistake_count(), 0);
    let own = read.into_templates();
    assert!(built_in().count() > 15);
    for (name, text) in built_in() {
        let by_serde: Template = toml::from_str(text).expect("well-formed");
        let own = own.get(&format!("own-{name}"));
        assert_eq!(own.map(Arc::as_ref), Some(&by_serde), "{name}");
    }
}

/// The names that serde knows of an enum, from what it says of another one.
fn serde_names<'de, T: Deserialize<'de>>() -> Vec<String> {
    let other: StrDeserializer<'de, Error> = "no such name".into_deserializer();
    let said = T::deserialize(other)
        .err()
        .expect("no such name")
        .to_string();
    let (_, known) = said.split_once("expected one of ").expect("names");
    known
        .split(", ")
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

fn agree<T>(names: Variants<T>)
where
    T: Copy + PartialEq + std::fmt::Debug + for<'de> Deserialize<'de>,
{
    let own: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    assert_eq!(own, serde_names::<T>());
    for (name, value) in names {
        let text: StrDeserializer<'_, Error> = name.into_deserializer();
        assert_eq!(T::deserialize(text).expect("a name"), *value);
    }
}

#[test]
fn every_name_is_the_one_that_built_in_schemes_have() {
    agree(ALGORITHMS);
    agree(KEY_ENCODINGS);
    agree(LAYOUTS);
    agree(SIGNATURE_ENCODINGS);
    agree(DEDUPS);
    agree(UNITS);
}

#[test]
fn a_source_verifies_with_its_own_scheme() {
    let text = r#"version = 1
[schemes.acme]
algorithm = "hmac-sha256"
signature = { header = "acme-signature", encoding = "base64" }
kind = "/type"
[sources.shop]
path = "/shop"
scheme = "acme"
secrets = ["${SECRET}"]
"#;
    let env = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
    let manifest = parse(text, Path::new("t.toml"), &env).expect("sound");
    let source = manifest.sources.values().next().expect("a source");
    assert_eq!(source.verifier.scheme(), "acme");
    assert!(source.template.is_some());
    let said = manifest.warnings.join("\n");
    for weak in ["no timestamp is signed", "events have no id"] {
        assert!(said.contains(weak), "{said}");
    }
}
