//! Commands with unusable arguments.

use std::process::{Command, Output, Stdio};

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
    for arguments in [&["schemes"][..], &["schemes", "stripe"]] {
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
