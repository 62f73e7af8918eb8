//! Commands with unusable arguments.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{Handler, Manifest, SECRET, Site};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn wrong_usage_is_told_from_a_refusal() {
    let output = tollgate(&["verify", "--scheme", "strip", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = tollgate(&["verify", "--scheme", "stripe", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "no secret: {output:?}");
    let stripe = ["verify", "--scheme", "stripe", "--secret", "s", "--body"];
    for wrong in [
        &["/nowhere/body"][..],
        &["/dev/null", "--tolerance", "soon"],
        &["/dev/null", "--tolerance", "0s"],
        &["/dev/null", "--now", "today"],
        &["/dev/null", "--header", "no colon"],
        &["/dev/null", "--param", "webhook_id"],
        &["/dev/null", "--param", "webhook_id=1"],
        &["/dev/null", "--source", "stripe"],
    ] {
        let output = tollgate(&[&stripe[..], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{wrong:?}: {output:?}");
    }
    let output = tollgate(&["sign", "--scheme", "stripe", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "no secret: {output:?}");
    let output = tollgate(&["verify", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    for arguments in [
        &["schemes"][..],
        &["schemes", "stripe"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stderr, b"", "{arguments:?}");
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let complete = |words: &str, last: &str| {
        let script = format!(
            "source <({} completions bash); COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _tollgate tollgate '{last}' ''; \
             echo \"${{COMPREPLY[@]}}\"",
            env!("CARGO_BIN_EXE_tollgate")
        );
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("tollgate deliv", "deliv"), "deliveries");
    assert_eq!(complete("tollgate deliveries re", "re"), "retry");
    assert_eq!(complete("tollgate check --man", "--man"), "--manifest");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = tollgate(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("deliveries"), "{shell}: {script}");
        assert!(
            !script.contains("compile-component"),
            "{shell}: for the gateway itself"
        );
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = tollgate(&["man", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name));
    for (name, holds) in [
        ("tollgate.1", "payment webhooks"),
        ("tollgate-deliveries-retry.1", "handler"),
        ("tollgate-plugin-new.1", "lang"),
    ] {
        let page = page(name).unwrap();
        assert!(
            page.contains(".TH") && page.contains(holds),
            "{name}: {page}"
        );
    }
    assert!(
        page("tollgate-compile-component.1").is_err(),
        "for the gateway itself"
    );
    let first = String::from_utf8(tollgate(&["man"]).stdout).unwrap();
    assert_eq!(first, page("tollgate.1").unwrap());
}

#[test]
fn the_manifest_is_shown_as_it_is_understood_without_its_secrets() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let output = site.run("config", &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let all: Value = serde_json::from_str(&text).unwrap();
    let (shown, from) = (&all["manifest"], &all["from"]);
    let secret = &from["sources.stripe.secrets.0.value"];
    assert_eq!(secret["environment"][0], "TOLLGATE_TEST_SECRET", "{from:#}");
    assert!(
        secret["line"].is_u64() && from["server.memory"].is_null(),
        "{from:#}"
    );
    assert_eq!(shown["sources"]["stripe"]["scheme"], "stripe", "{text}");
    // A setting that the manifest leaves out.
    assert!(shown["server"]["body_limit"].is_string() || shown["server"]["body_limit"].is_number());
}
