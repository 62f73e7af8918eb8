//! Makes texts of strangers safe to show on a terminal.
//!
//! Providers, receivers and guests write texts that people read in a terminal. Control characters
//! could steer the terminal; characters without a shape and those that turn the direction of
//! writing could make a text look like another.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Stands for each character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// Whether a terminal would show something else than a shape or a space for the character: control
/// characters, line breaks, characters of format (among them those of direction and of no width),
/// private and unassigned characters.
pub fn is_unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    if c.is_whitespace() {
        return c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    }
    // The standard library escapes just these characters. After a letter, it leaves combining
    // marks as they are.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..=length]).unwrap_or_default();
    text.escape_debug().count() != 2
}

/// The text as one line, with U+FFFD for each unprintable character.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) {
        Cow::Owned(text.replace(is_unprintable, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The replacement that a [`PrintableWriter`] writes for an unprintable character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unprintable {
    /// U+FFFD. Line feeds stay.
    Replaced,
    /// U+FFFD, except for the character that begins the colours of a terminal. Line feeds stay.
    ReplacedBesideColours,
    /// U+FFFD, except in the [`STYLES`]. Line feeds stay.
    ReplacedBesideStyles,
    /// `\uXXXX`: for JSON, where such characters occur in strings only. Line feeds stay.
    Escaped,
}

/// The styles of text that a writer may let through: none, bold, red, green, yellow, cyan, grey.
/// None of them hides a text, or does anything else to the terminal.
const STYLES: [&str; 7] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[31m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[36m",
    "\u{1b}[90m",
];

/// Writes text without unprintable characters. Each write must be whole characters of UTF-8, as
/// those of [`Write::write_fmt`] are.
#[derive(Debug)]
pub struct PrintableWriter<W> {
    out: W,
    unprintable: Unprintable,
}

impl<W: Write> PrintableWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W, unprintable: Unprintable) -> Self {
        Self { out, unprintable }
    }

    fn is_replaced(&self, c: char) -> bool {
        let stays =
            c == '\n' || (c == '\u{1b}' && self.unprintable == Unprintable::ReplacedBesideColours);
        !stays && is_unprintable(c)
    }
}

impl<W: Write> Write for PrintableWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        if self.unprintable == Unprintable::ReplacedBesideStyles {
            self.out.write_all(beside_styles(&text).as_bytes())?;
            return Ok(bytes.len());
        }
        if !text.contains(|c| self.is_replaced(c)) {
            self.out.write_all(text.as_bytes())?;
            return Ok(bytes.len());
        }
        let mut safe = String::with_capacity(text.len());
        for c in text.chars() {
            if !self.is_replaced(c) {
                safe.push(c);
            } else if self.unprintable == Unprintable::Escaped {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // A string takes every write.
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            } else {
                safe.push(REPLACEMENT);
            }
        }
        self.out.write_all(safe.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text with U+FFFD for each unprintable character that is no line feed and in no style.
fn beside_styles(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = STYLES.iter().find(|style| rest.starts_with(**style));
        let (kept, length) = match style {
            Some(style) => (*style, style.len()),
            None if c != '\n' && is_unprintable(c) => ("\u{fffd}", c.len_utf8()),
            None => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        safe.push_str(kept);
        rest = &rest[length..];
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str, unprintable: Unprintable) -> String {
        let mut out = Vec::new();
        let mut writer = PrintableWriter::new(&mut out, unprintable);
        write!(writer, "{text}").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_of_people_stay() {
        for text in [
            "Zürich, 12\u{a0}€",
            "e\u{301}",
            "你好",
            "שלום",
            "नमस्ते",
            "🛒",
        ] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn nothing_steers_the_terminal_or_hides() {
        for c in [
            '\0',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e000}',
            '\u{e0041}',
        ] {
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
    }

    #[test]
    fn a_writer_keeps_lines_and_may_keep_colours() {
        let text = "a\u{1b}[1m\nb\u{202e}c";
        assert_eq!(
            written(text, Unprintable::Replaced),
            "a\u{fffd}[1m\nb\u{fffd}c"
        );
        assert_eq!(
            written(text, Unprintable::ReplacedBesideColours),
            "a\u{1b}[1m\nb\u{fffd}c"
        );
    }

    #[test]
    fn a_writer_may_keep_styles_and_nothing_else() {
        let text = "\u{1b}[1mhead\u{1b}[0m\n\u{1b}[8mhidden\u{1b}[2J\u{1b}[31";
        assert_eq!(
            written(text, Unprintable::ReplacedBesideStyles),
            "\u{1b}[1mhead\u{1b}[0m\n\u{fffd}[8mhidden\u{fffd}[2J\u{fffd}[31"
        );
    }

    proptest! {
        #[test]
        fn escaped_json_says_the_same(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let json = serde_json::to_string(&texts).unwrap();
            let safe = written(&json, Unprintable::Escaped);
            prop_assert!(!safe.contains(is_unprintable), "{}", safe);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), texts);
        }

        #[test]
        fn what_is_printable_is_printed_as_it_is(text in any::<String>()) {
            let safe = printable(&text);
            prop_assert!(!safe.contains(is_unprintable));
            prop_assert_eq!(safe.chars().count(), text.chars().count());
            prop_assert_eq!(printable(&safe), safe.clone());
        }
    }
}
