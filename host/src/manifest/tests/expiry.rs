//! Warnings about secrets with an end.

use std::path::Path;

use tollgate_base::rfc3339;

use crate::manifest::parse;

fn warnings_at(secrets: &str, now: &str) -> Vec<String> {
    let text = format!(
        "version = 1\n[sources.shop]\npath = \"/x\"\nscheme = \"stripe\"\nsecrets = [{secrets}]\n"
    );
    let read = parse(&text, Path::new("t.toml"), &|_| None);
    let now = rfc3339::parse(now).expect("a date");
    read.expect("a sound manifest").expiry_warnings(now)
}

#[test]
fn secrets_are_warned_of_before_and_after_their_end() {
    const OLD: &str = "\"new\", { value = \"old\", expires = \"2026-12-01T00:00:00Z\" }";
    let none: [&str; 0] = [];
    assert_eq!(warnings_at(OLD, "2026-11-01T00:00:00Z"), none);
    assert_eq!(warnings_at(OLD, "2026-11-23T23:59:59Z"), none);
    assert_eq!(
        warnings_at(OLD, "2026-11-29T18:30:00Z"),
        ["source `shop`: secret 2 expires in 1d5h30m (2026-12-01T00:00:00Z)"]
    );
    let after = warnings_at(OLD, "2026-12-01T00:00:00Z");
    assert_eq!(after.len(), 1);
    assert!(
        after[0].starts_with("source `shop`: secret 2 expired 0s ago (2026-12-01T00:00:00Z)"),
        "{after:?}"
    );
    assert_eq!(warnings_at("\"only\"", "2999-01-01T00:00:00Z"), none);
}

#[test]
fn a_source_without_a_secret_that_counts_is_warned_of() {
    const LAST: &str = "{ value = \"old\", expires = \"2026-12-01T00:00:00Z\" }";
    let said = warnings_at(LAST, "2027-01-01T00:00:00Z");
    assert_eq!(said.len(), 2);
    assert!(said[1].contains("every secret has expired"), "{said:?}");
}
