//! Bodies and queries of type `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use http::HeaderMap;
use memchr::{memchr, memchr_iter, memchr2};

/// The content type of a form.
pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Whether the content type is that of a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(CONTENT_TYPE))
}

/// The decoded pairs, in order. Any text can be read as a form, so this never fails: a `%` without
/// two hexadecimal digits after it stands for itself, as in browsers.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    written(form).map(|(name, value)| (decode(name), decode(value)))
}

/// The pairs without decoding.
fn written(form: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut from = 0;
    memchr_iter(b'&', form)
        .chain([form.len()])
        .map(move |end| &form[std::mem::replace(&mut from, end + 1)..end])
        .filter(|pair| !pair.is_empty())
        .map(|pair| match memchr(b'=', pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[..0]),
        })
}

/// The value of a field that comes exactly once. `None` if the field is absent or repeated, so that
/// an attacker cannot have one value signed and another value read.
pub(super) fn single<'f>(form: &'f [u8], name: &str) -> Option<Cow<'f, [u8]>> {
    at_most_once(form, name).ok().flatten()
}

/// A field comes several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

/// The value of a field that comes at most once.
pub(super) fn at_most_once<'f>(
    form: &'f [u8],
    name: &str,
) -> Result<Option<Cow<'f, [u8]>>, Repeated> {
    let mut values = written(form)
        .filter_map(|(key, value)| (*decode(key) == *name.as_bytes()).then_some(value));
    let first = values.next();
    match values.next() {
        Some(_) => Err(Repeated),
        None => Ok(first.map(decode)),
    }
}

/// A form with these fields.
pub(super) fn write(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// The form without the fields of this name. The others stay as they are written.
pub(super) fn without(form: &[u8], name: &str) -> Vec<u8> {
    let is_other = |pair: &&[u8]| {
        let end = memchr(b'=', pair).unwrap_or(pair.len());
        *decode(&pair[..end]) != *name.as_bytes()
    };
    let others: Vec<&[u8]> = form.split(|byte| *byte == b'&').filter(is_other).collect();
    others.join(&b'&')
}

/// The text with escapes, as in a form.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The text without percent-escapes. Unlike in a form, a `+` stands for itself.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, [u8]> {
    match text.contains('+') {
        true => Cow::Owned(decode(text.replace('+', "%2B").as_bytes()).into_owned()),
        false => decode(text.as_bytes()),
    }
}

fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let next = |text: &[u8]| memchr2(b'%', b'+', text);
    if next(text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = next(rest) {
        let (before, sign, tail) = (&rest[..at], rest[at], &rest[at + 1..]);
        plain.extend_from_slice(before);
        let escaped = tail.get(..2).and_then(hex_byte).filter(|_| sign == b'%');
        (rest, _) = match (sign, escaped) {
            (_, Some(byte)) => (&tail[2..], plain.push(byte)),
            (b'+', None) => (tail, plain.push(b' ')),
            (byte, None) => (tail, plain.push(byte)),
        };
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let mut byte = [0];
    hex::decode_to_slice(digits, &mut byte).ok()?;
    Some(byte[0])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn read(form: &str) -> Vec<(String, String)> {
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
        pairs(form.as_bytes())
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn pairs_are_decoded() {
        let expected = [
            ("a b", "c&d"),
            ("é", "="),
            ("flag", ""),
            ("x", "100%"),
            ("y", "%zz"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read("a+b=c%26d&%c3%A9==&&flag&x=100%&y=%zz"), expected);
    }

    #[test]
    fn what_is_written_is_read() {
        let fields = [("a b", "c&d=é%"), ("bt_payload", "ab+/=\n")];
        let expected = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(&write(&fields)), expected);
    }

    #[test]
    fn a_field_is_taken_out_wherever_it_stands() {
        assert_eq!(without(b"sig=1&a=%zz&s%69g=2&b&sig", "sig"), b"a=%zz&b");
        assert_eq!(without(b"sig=1", "sig"), b"");
    }

    #[test]
    fn a_repeated_field_is_none() {
        assert_eq!(single(b"a=1&b=2", "b").as_deref(), Some(&b"2"[..]));
        assert_eq!(single(b"a=1&a=1", "a"), None);
        assert_eq!(single(b"a=1", "b"), None);
    }
}
