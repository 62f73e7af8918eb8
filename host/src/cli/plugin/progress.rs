//! What is under way, for the user: lines on standard error.

use std::io::Write as _;

use crate::cli::output::{printable, text_err};

/// Writes a line about what is under way.
pub(super) fn say(line: &str) {
    // There is no place to report a failure of standard error.
    let _ = writeln!(text_err(), "{}", printable(line));
}

/// Writes what went wrong, and what to write instead.
pub(super) fn say_error(what: &str, help: Option<&str>) {
    let mut err = text_err();
    let _ = writeln!(err, "tollgate: {what}");
    if let Some(help) = help {
        let _ = writeln!(err, "  help: {}", help.replace('\n', "\n        "));
    }
}
