//! JSON that was parsed and written again: with other escapes, with other numbers, in another
//! character set.

use std::fmt::Write as _;

/// How a library writes strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Escapes {
    /// Whether characters beyond ASCII are written as `\u00eb`, as Python's library does by
    /// default.
    ascii: bool,
    /// Whether a slash is written as `\/`, as PHP's library does by default.
    slash: bool,
}

/// The ways in which common libraries write strings.
pub(super) const ESCAPES: [Escapes; 4] = [
    Escapes {
        ascii: false,
        slash: false,
    },
    Escapes {
        ascii: true,
        slash: false,
    },
    Escapes {
        ascii: false,
        slash: true,
    },
    Escapes {
        ascii: true,
        slash: true,
    },
];

/// The most numbers whose digits are changed in all combinations.
const NUMBERS: usize = 6;

/// A part of a JSON text.
enum Token<'t> {
    String(&'t [u8]),
    Number(&'t [u8]),
    Other(&'t [u8]),
}

/// The parts of a text. A text that is no JSON gives some parts too.
fn tokens(text: &[u8]) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.first() {
        let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let length = match first {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !is_number(byte));
                end.unwrap_or(rest.len())
            }
            _ => 1,
        };
        let (taken, after) = rest.split_at(length);
        found.push(match first {
            b'"' => Token::String(taken),
            b'-' | b'0'..=b'9' => Token::Number(taken),
            _ => Token::Other(taken),
        });
        rest = after;
    }
    found
}

/// The length of the string at the start of the text, with its quotes.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The text with its strings written in another way.
pub(super) fn with_escapes(text: &[u8], escapes: Escapes) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    for token in tokens(text) {
        match token {
            Token::String(raw) => match serde_json::from_slice::<String>(raw) {
                Ok(string) => out.extend(written(&string, escapes).bytes()),
                Err(_) => out.extend_from_slice(raw),
            },
            Token::Number(raw) | Token::Other(raw) => out.extend_from_slice(raw),
        }
    }
    out
}

fn written(string: &str, escapes: Escapes) -> String {
    let plain = serde_json::Value::from(string).to_string();
    let mut out = String::with_capacity(plain.len() * 2);
    for character in plain.chars() {
        match character {
            '/' if escapes.slash => out.push_str("\\/"),
            _ if escapes.ascii && !character.is_ascii() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(character),
        }
    }
    out
}

/// The texts with other digits in numbers that have lost or got zeros: a `10.0` that became `10`, a
/// `10.00` that became `10.0`, and back.
pub(super) fn with_other_numbers(text: &[u8]) -> Vec<Vec<u8>> {
    let tokens = tokens(text);
    let numbers: Vec<usize> = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| matches!(token, Token::Number(_)).then_some(at))
        .collect();
    let mut texts = Vec::new();
    for change in [one_zero, two_zeros, no_zeros] {
        let applied = |changes: &dyn Fn(usize) -> bool| {
            let mut out = Vec::with_capacity(text.len() + 16);
            for (at, token) in tokens.iter().enumerate() {
                match token {
                    Token::Number(raw) if changes(at) => out.extend(change(raw)),
                    Token::Number(raw) | Token::String(raw) | Token::Other(raw) => {
                        out.extend_from_slice(raw);
                    }
                }
            }
            out
        };
        texts.push(applied(&|_| true));
        texts.extend(numbers.iter().map(|number| applied(&|at| at == *number)));
    }
    if numbers.len() <= NUMBERS {
        texts.extend(every_choice(&tokens));
    }
    texts
}

/// The texts with every number in each of its forms.
fn every_choice(tokens: &[Token<'_>]) -> Vec<Vec<u8>> {
    let mut texts = vec![Vec::new()];
    for token in tokens {
        match token {
            Token::Number(raw) => {
                let mut forms = vec![raw.to_vec(), one_zero(raw), two_zeros(raw), no_zeros(raw)];
                forms.sort();
                forms.dedup();
                let longer = texts.iter().flat_map(|text: &Vec<u8>| {
                    let forms = forms.iter();
                    forms.map(|form| [&text[..], &form[..]].concat())
                });
                texts = longer.collect();
            }
            Token::String(raw) | Token::Other(raw) => {
                for text in &mut texts {
                    text.extend_from_slice(raw);
                }
            }
        }
    }
    texts
}

/// `10` as `10.0`.
fn one_zero(number: &[u8]) -> Vec<u8> {
    match number.contains(&b'.') {
        true => number.to_vec(),
        false => [number, b".0"].concat(),
    }
}

/// `10` and `10.0` as `10.00`, `10.5` as `10.50`.
fn two_zeros(number: &[u8]) -> Vec<u8> {
    match number.iter().position(|byte| *byte == b'.') {
        None => [number, b".00"].concat(),
        Some(point) if point + 2 == number.len() => [number, b"0"].concat(),
        Some(_) => number.to_vec(),
    }
}

/// `10.0` and `10.00` as `10`, `10.50` as `10.5`.
fn no_zeros(number: &[u8]) -> Vec<u8> {
    if !number.contains(&b'.') {
        return number.to_vec();
    }
    let end = number.iter().rposition(|byte| *byte != b'0');
    let shorter = &number[..end.map_or(0, |at| at + 1)];
    shorter.strip_suffix(b".").unwrap_or(shorter).to_vec()
}

/// The text as it was before a program took its UTF-8 for Latin-1 and wrote it as UTF-8 again.
pub(super) fn from_latin1(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let bytes = text.chars().map(|character| u8::try_from(character).ok());
    bytes.collect()
}

/// The text as it was before a program took its Latin-1 for something else: each character of up to
/// one byte as that byte, or each byte as a character.
pub(super) fn to_latin1(text: &[u8]) -> Vec<u8> {
    let characters = text.iter().map(|byte| char::from(*byte));
    characters.collect::<String>().into_bytes()
}

/// Queries that a proxy may have rewritten to this one.
pub(super) fn other_queries(query: &str) -> Vec<String> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |marks: &[u8]| -> String {
        let characters = query.bytes().map(|byte| match marks.contains(&byte) {
            true => format!("%{byte:02X}"),
            false => char::from(byte).to_string(),
        });
        characters.collect()
    };
    let mut others = vec![
        decoded(query, unreserved),
        decoded(query, |byte| {
            byte.is_ascii_graphic() && !b"&=%#+".contains(&byte)
        }),
        query.replace('+', "%20"),
        query.replace("%20", "+"),
        encoded(b"~"),
        encoded(b"[]"),
        encoded(b"[]|~"),
        encoded(b"/:@,"),
        encoded(b"[]|/:@,!$'()*;~?"),
        escapes_in_case(query, u8::to_ascii_uppercase),
        escapes_in_case(query, u8::to_ascii_lowercase),
    ];
    others.retain(|other| other != query);
    others
}

/// The query with those escapes decoded that stand for a byte that `plain` holds for.
fn decoded(query: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut parts = query.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|byte| plain(*byte)) {
            Some(byte) => {
                out.push(char::from(byte));
                out.push_str(&part[2..]);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

fn escapes_in_case(query: &str, case: fn(&u8) -> u8) -> String {
    let mut bytes = query.as_bytes().to_vec();
    let escapes: Vec<usize> = query.match_indices('%').map(|(at, _)| at).collect();
    for at in escapes {
        for byte in bytes.iter_mut().skip(at + 1).take(2) {
            *byte = case(byte);
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_libraries_write_them() {
        let text = "{\"u\": \"https://é/😀\", \"n\": 1.50}".as_bytes();
        let all = ESCAPES.map(|escapes| String::from_utf8(with_escapes(text, escapes)).unwrap());
        assert_eq!(all[0].as_bytes(), text);
        assert_eq!(all[1], r#"{"u": "https://\u00e9/\ud83d\ude00", "n": 1.50}"#);
        assert_eq!(all[2], "{\"u\": \"https:\\/\\/é\\/😀\", \"n\": 1.50}");
        assert_eq!(
            all[3],
            r#"{"u": "https:\/\/\u00e9\/\ud83d\ude00", "n": 1.50}"#
        );
        for text in all {
            assert_eq!(with_escapes(text.as_bytes(), ESCAPES[0]), all_plain());
        }
        fn all_plain() -> Vec<u8> {
            "{\"u\": \"https://é/😀\", \"n\": 1.50}".as_bytes().to_vec()
        }
    }

    #[test]
    fn zeros_come_and_go_number_by_number() {
        let texts = with_other_numbers(br#"{"id":7,"a":10,"b":"10"}"#);
        for wanted in [
            r#"{"id":7,"a":10.0,"b":"10"}"#,
            r#"{"id":7,"a":10.00,"b":"10"}"#,
            r#"{"id":7.0,"a":10.0,"b":"10"}"#,
        ] {
            assert!(
                texts.iter().any(|text| text == wanted.as_bytes()),
                "{wanted}"
            );
        }
        let shorter = with_other_numbers(br#"{"a":10.50,"b":3.00}"#);
        assert!(shorter.contains(&br#"{"a":10.5,"b":3}"#.to_vec()));
        // One number each way.
        let mixed = with_other_numbers(br#"{"id":7,"a":10,"b":1.5}"#);
        assert!(mixed.contains(&br#"{"id":7,"a":10.0,"b":1.50}"#.to_vec()));
    }
}
