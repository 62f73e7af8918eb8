//! Searches the source for comparisons of secrets without [`equal`](crate::secret::equal). Clippy
//! refuses `ct_eq` everywhere else (`clippy.toml`).

use std::fs;
use std::path::{Path, PathBuf};

use super::Secret;

/// Does not compile for a type with `==`, because two implementations would fit.
trait HasNoEq<A> {
    fn check() {}
}

impl<T> HasNoEq<()> for T {}

impl<T: PartialEq> HasNoEq<u8> for T {}

const _: fn() = <Secret as HasNoEq<_>>::check;

/// The folder `host`, in which this package lies.
fn host() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors();
    let host = folders.find(|folder| folder.ends_with("host"));
    host.expect("the package lies in `host`")
}

/// The source folders of all packages in `host`.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![host().join("src")];
    if let Ok(packages) = fs::read_dir(host().join("crates")) {
        folders.extend(packages.map(|package| package.expect("an entry").path().join("src")));
    }
    folders
}

/// Adds all source files in a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether the text compares the bytes of a secret by `==`, `!=` or a method, even over several
/// lines.
fn compares(text: &str) -> bool {
    const EXPOSE: &str = concat!(".expose", "()");
    let dense: String = text.split_whitespace().collect();
    let dense = dense.replace("&&", ";");
    let mut places = dense.match_indices(EXPOSE);
    places.any(|(at, _)| {
        let of_expression = |c: char| c.is_alphanumeric() || "_.[]&*".contains(c);
        let before = dense[..at].trim_end_matches(of_expression);
        let after = &dense[at + EXPOSE.len()..];
        let compared = ["==", "!="];
        compared.iter().any(|sign| before.ends_with(sign))
            || compared.iter().any(|sign| after.starts_with(sign))
            || [".eq(", ".ne(", ".cmp(", "[..]==", "[..]!="]
                .iter()
                .any(|call| after.starts_with(call))
    })
}

#[test]
fn no_secret_is_compared_byte_by_byte() {
    let mut found = Vec::new();
    for folder in sources() {
        files(&folder, &mut found);
    }
    assert!(found.len() > 200, "{}", found.len());
    for path in found {
        let text = fs::read_to_string(&path).expect("a text");
        assert!(!compares(&text), "{}: use secret::equal", path.display());
    }
}

#[test]
fn the_search_finds_comparisons() {
    let exposed = |text: &str| text.replace("E", concat!(".expose", "()"));
    for text in [
        "if aE == bE {",
        "token\n    E\n    != given",
        "given == &self.secretE",
        "aE.eq(b)",
        "secretE[..] == *given",
        "*given != *keys[0].secretE",
    ] {
        assert!(compares(&exposed(text)), "{text}");
    }
    for text in [
        "equal(aE, b)",
        "let a = sE.len() == 3;",
        "x == y; f(aE)",
        "x == y && aE.f()",
    ] {
        assert!(!compares(&exposed(text)), "{text}");
    }
}
