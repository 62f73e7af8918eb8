//! A handler that asks, at the developer's desk: fixtures give the answers.

use super::*;

/// A project with the guest that asks, and one fixture with these answers.
fn project(answers: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("asking.wasm", &component("asking"));
    let toml = "name = \"asking\"\nbuild = \"true\"\noutput = \"asking.wasm\"\n\
                [[handler.allow]]\norigin = \"https://crm.example.com\"\nimmediate = true\n";
    write("plugin.toml", toml.as_bytes());
    std::fs::create_dir(folder.path().join("fixtures")).unwrap();
    let fixture = json!({
        "event": { "kind": "test.ask", "payload": {
            "asks": [{ "url": "https://crm.example.com/score?order=1" }],
        } },
        "http": answers,
        "expect": { "outcome": "done", "logs": ["answer"] },
    });
    write("fixtures/one.json", fixture.to_string().as_bytes());
    folder
}

/// Runs the fixtures of a project. Returns whether they pass, and what is told.
fn plugin_test(project: &tempfile::TempDir) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["plugin", "test"])
        .arg(project.path())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_fixture_gives_the_answers_and_nothing_goes_out() {
    let url = "https://crm.example.com/score?order=1";
    let answer = json!({ "url": url, "answer": { "body": { "score": 7 } } });
    let (passed, told) = plugin_test(&project(&json!([answer])));
    assert!(passed, "{told}");
    assert!(
        told.contains(&format!("asked      GET {url} -> 200 {{\"score\":7}}")),
        "{told}"
    );

    let (passed, told) = plugin_test(&project(&json!([])));
    assert!(!passed, "{told}");
    let missing = format!("expected a list with an answer to GET {url}");
    assert!(told.contains(&missing), "{told}");

    let (passed, told) = plugin_test(&project(&json!([answer, answer])));
    assert!(!passed, "{told}");
    let left = format!("`http[1]` (GET {url})");
    assert!(told.contains(&left), "{told}");

    let refused = json!([{ "url": url, "answer": null }]);
    let (passed, told) = plugin_test(&project(&refused));
    assert!(passed && told.contains("ConnectionRefused"), "{told}");
}

#[test]
fn inspect_says_what_to_grant() {
    let folder = project(&json!([]));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["plugin", "inspect"])
        .arg(folder.path().join("asking.wasm"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let needs = "http       needs `[[handlers.NAME.allow]]` with `immediate = true`";
    assert!(text.contains(needs), "{text}");

    let toml = folder.path().join("plugin.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text.replace("immediate = true\n", "")).unwrap();
    let (passed, told) = plugin_test(&folder);
    assert!(!passed, "{told}");
    assert!(
        told.contains("in plugin.toml, write `[[handler.allow]]`"),
        "{told}"
    );
}
