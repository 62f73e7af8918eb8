//! The operator's commands, against a running gateway.

use serde_json::Value;

use super::{Gateway, Site};

/// Returns a command's exit code, its output with `--json`, and its stderr.
pub(crate) fn try_run(
    site: &Site,
    gateway: &Gateway,
    subcommand: &str,
    arguments: &[&str],
) -> (i32, Value, String) {
    let url = format!("http://{}", gateway.admin);
    let mut all = vec!["--url", &url, "--json"];
    all.extend(arguments);
    let output = site.run(subcommand, &all);
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Returns the output of a command with `--json`. The command must succeed.
#[track_caller]
pub(crate) fn run(site: &Site, gateway: &Gateway, subcommand: &str, arguments: &[&str]) -> Value {
    let (code, told, stderr) = try_run(site, gateway, subcommand, arguments);
    assert_eq!(code, 0, "{subcommand} {arguments:?}: {stderr}");
    told
}
