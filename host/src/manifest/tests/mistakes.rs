//! The texts and the places of mistakes, as far as goldens cannot show them.

use std::fs;
use std::path::Path;

use super::{env, good, parse_text};
use crate::manifest::{Mistake, load};
use tollgate_base::printable::is_unprintable;

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let (text, _) = good("minimal");
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert!(parse_text(&text).is_ok());
    let mistakes = parse_text("\u{feff}versoin = 1\r\n").expect_err("a mistake");
    let shown = mistakes.to_string();
    assert!(
        shown.contains("m.toml:1:1: `versoin` is not a key"),
        "{shown}"
    );
    assert!(
        shown.contains(" 1 | versoin = *\n   | ^^^^^^^\n"),
        "{shown}"
    );
}

#[test]
fn mistakes_say_where_they_are() {
    // Columns count characters, not bytes.
    let text = "version = 1\nserver = { \"é\" = 1, workers = 2 }\n";
    let mistakes = parse_text(text).expect_err("mistakes");
    let places: Vec<_> = mistakes.iter().map(Mistake::position).collect();
    assert_eq!(places, [Some((2, 12)), Some((2, 21))]);
    let mistake = mistakes.iter().next().expect("one");
    assert_eq!(mistake.file, Path::new("folder/m.toml"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.toml");
    let mistakes = load(&missing, &env).expect_err("a mistake");
    assert_eq!(mistakes.iter().len(), 1);
    assert!(
        mistakes
            .to_string()
            .starts_with(&missing.display().to_string())
    );
    let binary = folder.path().join("binary.toml");
    fs::write(&binary, b"version = 1\n\xff").expect("a file");
    let mistakes = load(&binary, &env).expect_err("a mistake");
    assert!(mistakes.to_string().contains("utf-8"), "{mistakes}");
}

#[test]
fn secrets_from_files_are_bounded_and_read_afresh() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tollgate.toml");
    let secret = folder.path().join("secret");
    let (text, _) = good("minimal");
    fs::write(
        &path,
        text.replace("\"${STRIPE_SECRET}\"", "{ file = \"secret\" }")
            + "[server]\nlisten = \"127.0.0.1:8080\"\n",
    )
    .expect("a file");
    fs::write(&secret, "whsec_a\n").expect("a file");
    let manifest = load(&path, &env).expect("good");
    assert_eq!(manifest.secret_files, std::slice::from_ref(&secret));
    assert!(manifest.warnings.is_empty(), "{:?}", manifest.warnings);
    fs::write(&secret, " whsec_a\n\n").expect("a file");
    let manifest = load(&path, &env).expect("good");
    assert!(
        manifest.warnings[0].contains("white space"),
        "{:?}",
        manifest.warnings
    );
    fs::write(&secret, vec![b'a'; 70_000]).expect("a file");
    let mistakes = load(&path, &env).expect_err("too long").to_string();
    assert!(mistakes.contains("longer than 65536 bytes"), "{mistakes}");
    fs::remove_file(&secret).expect("removed");
    let mistakes = load(&path, &env).expect_err("missing");
    assert_eq!(mistakes.secret_files(), std::slice::from_ref(&secret));
}

#[test]
fn an_unheard_of_scheme_lists_those_that_there_are() {
    let (text, _) = good("minimal");
    let text = text.replace("scheme = \"stripe\"", "scheme = \"my-own-bank\"");
    let mistakes = parse_text(&text).expect_err("a mistake");
    let help = mistakes
        .iter()
        .next()
        .and_then(|mistake| mistake.help.clone())
        .expect("help");
    assert!(help.starts_with("the schemes are"), "{help}");
    for name in tollgate_scheme::names() {
        assert!(help.contains(&format!("`{name}`")), "{help}");
    }
}

#[test]
fn names_cannot_drive_a_terminal() {
    let mistakes = parse_text("version = 1\n\"a\\u001b[31m\\n\" = 1\n").expect_err("a mistake");
    let shown = mistakes.to_string();
    assert!(
        shown.lines().all(|line| !line.contains(is_unprintable)),
        "{shown:?}"
    );
    assert!(
        shown.starts_with("folder/m.toml:2:1: `a\u{fffd}[31m\u{fffd}` is not a key"),
        "{shown:?}"
    );
}
