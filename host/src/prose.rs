//! Prose of pages that are made of the code.

/// Prose in lines of 100 columns at most.
pub(crate) fn wrapped(said: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in said.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 100 {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
    }
    lines
}
