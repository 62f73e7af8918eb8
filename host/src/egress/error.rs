//! Errors of outbound requests as one line of text.

use std::error::Error;

/// Longest text of an error, in bytes.
const ERROR_BYTES: usize = 500;

/// The error and its sources in one line of at most 500 bytes.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.to_string();
        // Wrappers often repeat the text of the error that they wrap.
        if !text.ends_with(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = error.source();
    }
    text.truncate(text.floor_char_boundary(ERROR_BYTES));
    text
}
