//! Likely mistakes: secrets, bodies and URLs that may be the right ones instead of the given ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::reformat::{STYLES, reformat};
use super::rewritten::{ESCAPES, from_latin1, to_latin1, with_escapes, with_other_numbers};
use tollgate_base::secret::{Secret, equal};

/// Secrets that the operator may have meant, each with the change.
pub(super) fn other_secrets(secret: &Secret) -> Vec<(Secret, &'static str)> {
    let text = secret.expose();
    let trimmed = text.trim_ascii();
    let bare = ["whsec_", "whpk_", "sha256="]
        .iter()
        .find_map(|prefix| trimmed.strip_prefix(prefix.as_bytes()))
        .unwrap_or(trimmed);
    let mut others = Vec::new();
    let mut add = |bytes: Vec<u8>, change| {
        let other = Secret::new(bytes);
        if !other.is_empty() && !equal(other.expose(), text) {
            others.push((other, change));
        }
    };
    add(trimmed.to_vec(), "without the white space around it");
    let unmarked = trimmed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(trimmed);
    add(
        unmarked.trim_ascii().to_vec(),
        "without the byte order mark before it",
    );
    add(
        without_quotes(unmarked).to_vec(),
        "without the quotes around it",
    );
    add(bare.to_vec(), "without its prefix");
    if let Ok(decoded) = STANDARD.decode(bare) {
        add(
            decoded,
            "decoded from base64, which this scheme does not do",
        );
    }
    if let Ok(decoded) = hex::decode(bare) {
        add(
            decoded,
            "decoded from hexadecimal, which this scheme does not do",
        );
    }
    // A scheme that decodes the secret gets the encoded text, so that it decodes the text itself.
    let not_decoded = "used without decoding, while this scheme decodes it";
    add(STANDARD.encode(text).into_bytes(), not_decoded);
    add(
        STANDARD.encode(bare).into_bytes(),
        "used without its prefix and without decoding, while this scheme decodes it",
    );
    add(hex::encode(text).into_bytes(), not_decoded);
    others
}

/// The text without the quotes around it, straight or typographic ones.
fn without_quotes(text: &[u8]) -> &[u8] {
    let pairs = [("\"", "\""), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’")];
    let bare = pairs.iter().find_map(|(open, close)| {
        let rest = text.strip_prefix(open.as_bytes())?;
        rest.strip_suffix(close.as_bytes())
    });
    bare.unwrap_or(text).trim_ascii()
}

/// Bodies that the provider may have sent, each with the change.
pub(super) fn other_bodies(body: &Bytes) -> Vec<(Bytes, &'static str)> {
    let mut others: Vec<(Bytes, &'static str)> = Vec::new();
    let mut add = |bytes: Vec<u8>, change| {
        if bytes != body[..] {
            others.push((bytes.into(), change));
        }
    };
    let rewritten = "over the same JSON with other white space: a proxy parsed the body and wrote \
                     it again; pass the raw bytes on";
    for style in STYLES {
        add(reformat(body, style), rewritten);
    }
    for escapes in ESCAPES {
        let other = with_escapes(body, escapes);
        for style in STYLES {
            add(reformat(&other, style), ESCAPED);
        }
        add(other, ESCAPED);
    }
    for other in with_other_numbers(body) {
        add(other, RENUMBERED);
    }
    add(to_latin1(body), LATIN1);
    if let Some(other) = from_latin1(body) {
        add(other, LATIN1);
    }
    let trimmed = body.trim_ascii_end();
    add(
        trimmed.to_vec(),
        "without the white space at the body's end",
    );
    add([trimmed, b"\n"].concat(), "with a line end after the body");
    let unix: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\r').collect();
    add(unix, "with plain line ends: a program changed LF to CR LF");
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        add(rest.to_vec(), "without the byte order mark before the body");
    }
    // Other white space alone is no other escape.
    let spaced: Vec<Bytes> = others
        .iter()
        .filter(|(_, change)| *change == rewritten)
        .map(|(bytes, _)| bytes.clone())
        .collect();
    others.retain(|(bytes, change)| *change != ESCAPED || !spaced.contains(bytes));
    others
}

/// Bodies that a program has parsed and written again, with other escapes, zeros and white space at
/// once.
pub(super) fn bodies_written_anew(body: &Bytes) -> impl Iterator<Item = Bytes> {
    let numbers = with_other_numbers(body).into_iter();
    numbers.flat_map(|numbered| {
        ESCAPES.into_iter().flat_map(move |escapes| {
            let other = with_escapes(&numbered, escapes);
            STYLES
                .into_iter()
                .map(move |style| reformat(&other, style).into())
        })
    })
}

const ESCAPED: &str = "over the same JSON with other escapes (such as `\\u00eb` for `ë` or `\\/` for \
                       `/`): a program parsed the body and wrote it again; pass the raw bytes on";
const RENUMBERED: &str = "over the same JSON with other zeros in its numbers (such as `10.0` for `10`): a \
                          program parsed the body and wrote it again; pass the raw bytes on";
const LATIN1: &str = "in another character set: a program took UTF-8 for Latin-1 or the other way \
                      round; pass the raw bytes on";

/// URLs to which the provider may have sent the request.
pub(super) fn other_urls(url: &str) -> Vec<String> {
    let mut others = Vec::new();
    if let Some(rest) = url.strip_prefix("https://") {
        others.push(format!("http://{rest}"));
    } else if let Some(rest) = url.strip_prefix("http://") {
        others.push(format!("https://{rest}"));
    }
    match url.strip_suffix('/') {
        Some(rest) => others.push(rest.to_owned()),
        None => others.push(format!("{url}/")),
    }
    others
}
