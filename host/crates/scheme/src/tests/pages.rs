//! The pages, compared with the schemes and with the files in the repository.

use std::path::PathBuf;

use super::*;

fn folder() -> PathBuf {
    repository().join("docs/providers")
}

#[test]
fn the_pages_are_up_to_date() {
    let pages = pages().map(|page| (format!("{}.md", page.name()), page.markdown()));
    let mut wanted: BTreeMap<String, String> = pages.collect();
    wanted.insert("README.md".to_owned(), page_index());
    wanted.insert("identity.md".to_owned(), page_identity(&judges()));
    if std::env::var_os("PAGES").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        for (name, text) in &wanted {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = wanted.remove(name);
        let text = text.unwrap_or_else(|| panic!("{name} is of no scheme"));
        assert!(
            std::fs::read_to_string(&path).unwrap() == text,
            "{name} is out of date: run PAGES=write cargo test -p tollgate-scheme pages"
        );
    }
    assert!(wanted.is_empty(), "missing: {:?}", wanted.keys());
}

#[test]
fn a_page_has_its_snippet() {
    for page in pages() {
        assert!(page.markdown().contains(&page.snippet()), "{}", page.name());
    }
}

#[test]
fn what_a_page_says_is_what_the_scheme_does() {
    for (scheme, vectors) in all() {
        let page = page(&scheme).unwrap();
        let verifier = build(&scheme, vectors[0].settings()).unwrap();
        let accepted = verifier.answer(RequestOutcome::Accepted);
        let rejected = verifier.answer(RequestOutcome::Rejected);
        let text = page.answers();
        assert!(
            text.starts_with(accepted.status.as_str()),
            "{scheme}: {text}"
        );
        assert!(text.ends_with(rejected.status.as_str()), "{scheme}: {text}");
        let body = String::from_utf8(accepted.body.to_vec()).unwrap();
        assert!(text.contains(&body), "{scheme}: {text}");
        let told_by_hash = page.dedup().contains("hash");
        let unsigned_id = verifier
            .warnings()
            .iter()
            .any(|warning| warning.contains("id (`header:"));
        assert!(!unsigned_id || told_by_hash, "{scheme}: {}", page.dedup());
    }
}
