//! Properties of the parser: no text leads to a panic, and no message shows a secret.

use std::path::Path;

use proptest::prelude::*;

use super::{env, good};
use crate::manifest::parse;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        // A failure becomes a test of its own and not a file.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = parse(&text, Path::new("m.toml"), &env).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn toml_like_text_is_read_without_panic(
        text in "([a-z_]{1,8}|\\[|\\]|\\{|\\}|=|\"|'|\\.|,|\n| |\\$\\{|[0-9]|#|é|\t|\r){0,80}"
    ) {
        let _ = parse(&text, Path::new("m.toml"), &env).map_err(|mistakes| mistakes.to_string());
    }

    /// A good manifest in which a piece is cut out or replaced: no panic, and no secret in the
    /// messages.
    #[test]
    fn mutated_manifests_are_read_without_panic(
        from in 0usize..2500,
        length in 0usize..40,
        put in prop_oneof![
            Just(String::new()), "[\\[\\]{}=\",.\n'#$a-z0-9é-]{1,6}", Just("\"\"\"".to_owned()),
        ],
    ) {
        let (text, path) = good("full");
        let from = text.floor_char_boundary(from.min(text.len()));
        let to = text.floor_char_boundary((from + length).min(text.len()));
        let mutated = format!("{}{put}{}", &text[..from], &text[to..]);
        if let Err(mistakes) = parse(&mutated, &path, &env) {
            let shown = mistakes.to_string();
            for hidden in ["from_env", "from_file", "sk_live"] {
                prop_assert!(!shown.contains(hidden), "{shown}");
            }
        }
    }

    /// A manifest with literal secrets, damaged at any place: no secret in the messages.
    #[test]
    fn damaged_manifests_hide_their_secrets(
        at in 0usize..400,
        remove in 0usize..4,
        put in "[\\[\\]{}=\",\n'#.]{0,3}",
    ) {
        let text = r#"version = 1
[sources.stripe]
path = "/stripe"
scheme = "stripe"
secrets = [
  "whsec_hunter2a", 'whsec_hunter2b', # whsec_hunter2c
  """whsec_hunter2d""",
]
[handlers.a]
component = "a.wasm"
[[handlers.a.allow]]
origin = "https://a.example"
headers = { Authorization = "Bearer hunter2" }
[[routes]]
source = "stripe"
events = ["*"]
handlers = ["a"]
"#;
        let at = at.min(text.len());
        let to = (at + remove).min(text.len());
        let damaged = format!("{}{put}{}", &text[..at], &text[to..]);
        if let Err(mistakes) = parse(&damaged, Path::new("m.toml"), &env) {
            let shown = mistakes.to_string();
            prop_assert!(!shown.contains("hunter2"), "{damaged}\n{shown}");
        }
    }
}
