//! Writes JSON with other white space. Tokens and their order stay.

/// The white space between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    after_colon: &'static str,
    after_comma: &'static str,
    /// Spaces for each level, with each item on its own line. `None` for a single line.
    indent: Option<usize>,
}

/// The styles of common libraries: JavaScript's default, Python's default, and two with
/// indentation.
pub(super) const STYLES: [Style; 4] = [
    Style {
        after_colon: "",
        after_comma: "",
        indent: None,
    },
    Style {
        after_colon: " ",
        after_comma: " ",
        indent: None,
    },
    Style {
        after_colon: " ",
        after_comma: "",
        indent: Some(2),
    },
    Style {
        after_colon: " ",
        after_comma: "",
        indent: Some(4),
    },
];

/// The text in another style. A text that is no JSON gives some other text, which does no harm: the
/// result is only compared.
pub(super) fn reformat(text: &[u8], style: Style) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::with_capacity(text.len() * 2),
        style,
        depth: 0,
    };
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                writer.out.push(byte);
                let mut escaped = false;
                for inner in bytes.by_ref() {
                    writer.out.push(inner);
                    if inner == b'"' && !escaped {
                        break;
                    }
                    escaped = inner == b'\\' && !escaped;
                }
            }
            b'{' | b'[' => {
                while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
                let empty = matches!(bytes.peek(), Some(b'}' | b']'));
                writer.open(byte, empty);
            }
            b'}' | b']' => writer.close(byte),
            b':' => writer.separator(byte, style.after_colon),
            b',' => {
                writer.separator(byte, style.after_comma);
                writer.line();
            }
            other => writer.out.push(other),
        }
    }
    writer.out
}

struct Writer {
    out: Vec<u8>,
    style: Style,
    depth: usize,
}

impl Writer {
    fn separator(&mut self, byte: u8, after: &str) {
        self.out.push(byte);
        self.out.extend_from_slice(after.as_bytes());
    }

    fn open(&mut self, byte: u8, empty: bool) {
        self.out.push(byte);
        self.depth += 1;
        if !empty {
            self.line();
        }
    }

    fn close(&mut self, byte: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.line();
        }
        self.out.push(byte);
    }

    /// Begins a line. Real bodies never reach the greatest indentation.
    fn line(&mut self) {
        if let Some(indent) = self.style.indent {
            self.out.push(b'\n');
            let spaces = indent * self.depth.min(32);
            self.out.resize(self.out.len() + spaces, b' ');
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn styles_are_those_of_common_libraries() {
        let value = json!({"a": [1, {"b": "x, \"y\": {\\"}, []], "c": {}, "d": null});
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        let compact = serde_json::to_vec(&value).unwrap();
        assert_eq!(reformat(&pretty, STYLES[0]), compact);
        assert_eq!(reformat(&compact, STYLES[2]), pretty);
        let python = br#"{"a": [1, {"b": "x, \"y\": {\\"}, []], "c": {}, "d": null}"#;
        assert_eq!(reformat(&pretty, STYLES[1]), python);
        let wide = reformat(&compact, STYLES[3]);
        assert_eq!(serde_json::from_slice::<Value>(&wide).unwrap(), value);
    }
}
