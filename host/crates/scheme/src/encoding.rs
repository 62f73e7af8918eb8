//! How a signature's bytes are written as text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::form;

/// How a signature's bytes are written. Each variant accepts one form only: a provider always
/// writes its signatures in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureEncoding {
    /// Hexadecimal in lower case. Official libraries compare the text, so they refuse upper case
    /// too.
    #[default]
    Hex,
    /// Hexadecimal in upper case.
    HexUpper,
    /// Hexadecimal in either case, for a provider that writes both.
    HexAnyCase,
    /// Base64, standard alphabet, padded.
    Base64,
    /// Base64, URL-safe alphabet, not padded.
    Base64url,
    /// Percent-encoded base64, standard alphabet, padded.
    PercentBase64,
    /// Lower-case hexadecimal or padded base64, for a provider whose documents do not say which.
    HexOrBase64,
    /// The text itself, for secrets that are sent as they are.
    Text,
}

impl SignatureEncoding {
    /// The bytes of a signature, or why the text cannot be decoded.
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Hex => unhex(text, b'a').ok_or("it is not lower-case hexadecimal"),
            Self::HexUpper => unhex(text, b'A').ok_or("it is not upper-case hexadecimal"),
            Self::HexAnyCase => hex::decode(text).map_err(|_| "it is not hexadecimal"),
            Self::Base64 => STANDARD.decode(text).map_err(|_| "it is not padded base64"),
            Self::Base64url => URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| "it is not base64url"),
            Self::PercentBase64 => STANDARD
                .decode(form::percent_decoded(text))
                .map_err(|_| "it is not percent-encoded base64"),
            // The two forms of a MAC differ in length, so they cannot be confused.
            Self::HexOrBase64 => Self::Hex
                .decode(text)
                .or_else(|_| Self::Base64.decode(text))
                .map_err(|_| "it is neither lower-case hexadecimal nor padded base64"),
            Self::Text => Ok(text.as_bytes().to_vec()),
        }
    }

    /// The text of a signature, as the provider writes it.
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex | Self::HexAnyCase | Self::HexOrBase64 => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64url => URL_SAFE_NO_PAD.encode(bytes),
            Self::PercentBase64 => form::encode(&STANDARD.encode(bytes)),
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// The bytes in lower-case hexadecimal. On the way of each event: several times as fast as
/// [`hex::encode`], which collects characters.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 * bytes.len()];
    hex::encode_to_slice(bytes, &mut text).expect("two digits a byte");
    String::from_utf8(text).expect("digits are ASCII")
}

/// Decodes hexadecimal whose letters begin at `a`.
fn unhex(text: &str, a: u8) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        _ if (a..a + 6).contains(&byte) => Some(byte - a + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() {
        bytes.collect()
    } else {
        None
    }
}
