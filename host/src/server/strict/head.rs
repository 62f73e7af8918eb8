//! Reads one head byte by byte, as far as the rules need it.
//!
//! The state is small and has no text but the names and values that decide about the body. So a
//! head is judged alike however it is cut into reads, and a long head takes no memory here.

use super::breach::Breach;
use crate::settings::Strict;

const LENGTH: &[u8] = b"content-length";
const ENCODING: &[u8] = b"transfer-encoding";
/// The longest name that is kept.
const NAME: usize = ENCODING.len();
/// The longest value of [`LENGTH`] or [`ENCODING`] that is read.
const VALUE: usize = 64;
/// The length of `HTTP/1.1`.
const VERSION: usize = 8;

/// How the body after a head is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// A head that is being read.
#[derive(Debug, Default)]
pub(super) struct Head {
    line: Line,
    /// Whether the last byte was a CR.
    cr: bool,
    version: Version,
    length: Option<u64>,
    encodings: Encodings,
}

/// The line that is being read.
#[derive(Debug, Default)]
enum Line {
    /// Nothing has come, or empty lines alone.
    #[default]
    Before,
    /// The request line. `tail`: its last bytes.
    Request {
        tail: [u8; VERSION],
    },
    /// At the start of a line after the request line.
    Start,
    Name(Text<NAME>),
    Value {
        of: Field,
        text: Text<VALUE>,
    },
}

/// The header that a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Length,
    Encoding,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Version {
    #[default]
    Http11,
    Http10,
}

/// What `Transfer-Encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encodings {
    #[default]
    None,
    /// One line with `chunked` alone.
    Chunked,
    /// Something else, which ends with `chunked`.
    OtherChunked,
    /// Something else.
    Other,
}

/// The first bytes of a text.
#[derive(Debug)]
struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    const EMPTY: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    /// The text without blanks around it; `None` if it is longer than what is kept.
    fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length).map(<[u8]>::trim_ascii)
    }
}

impl Head {
    /// Whether nothing of the head has come but empty lines.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.line, Line::Before)
    }

    /// Takes in the next byte. Returns the body's form after the last byte of the head.
    ///
    /// # Errors
    /// The head breaks a rule.
    pub(super) fn next(&mut self, byte: u8, rules: Strict) -> Result<Option<Body>, Breach> {
        match byte {
            b'\n' => {
                if !self.cr && rules.bare_lf {
                    return Err(Breach::BareLf);
                }
                self.cr = false;
                self.end_line(rules)
            }
            _ if self.cr => Err(Breach::BareCr),
            b'\r' => {
                self.cr = true;
                Ok(None)
            }
            _ => self.take(byte).map(|()| None),
        }
    }

    /// Takes in a byte that is no line end.
    fn take(&mut self, byte: u8) -> Result<(), Breach> {
        let is_control = byte < b' ' || byte == 0x7f;
        match &mut self.line {
            Line::Before => {
                self.line = Line::Request { tail: [0; VERSION] };
                return self.take(byte);
            }
            _ if is_control && byte != b'\t' => return Err(Breach::ControlByte),
            Line::Request { .. } if is_control => return Err(Breach::ControlByte),
            // A fragment is no part of a target. hyper cuts the fragment off, a proxy may not.
            Line::Request { .. } if byte == b'#' => return Err(Breach::Malformed),
            Line::Request { tail } => {
                tail.rotate_left(1);
                tail[VERSION - 1] = byte;
            }
            Line::Start if byte == b' ' || byte == b'\t' => return Err(Breach::Fold),
            Line::Start => {
                self.line = Line::Name(Text::EMPTY);
                return self.take(byte);
            }
            Line::Name(name) if byte == b':' => {
                let of = Field::named(name)?;
                self.line = Line::Value {
                    of,
                    text: Text::EMPTY,
                };
            }
            Line::Name(_) if byte == b' ' || byte == b'\t' => return Err(Breach::SpaceBeforeColon),
            Line::Name(name) if is_token(byte) => name.push(byte.to_ascii_lowercase()),
            Line::Name(_) => return Err(Breach::Malformed),
            Line::Value { of, text } => {
                // Leading blanks would take the place of the text.
                let is_lead = text.length == 0 && (byte == b' ' || byte == b'\t');
                if *of != Field::Other && !is_lead {
                    text.push(byte);
                }
            }
        }
        Ok(())
    }

    /// Ends the present line, and the head if the line is empty.
    fn end_line(&mut self, rules: Strict) -> Result<Option<Body>, Breach> {
        match &self.line {
            Line::Before => return Ok(None),
            Line::Start => return self.end(rules).map(Some),
            Line::Request { tail } => {
                self.version = match tail {
                    b"HTTP/1.1" => Version::Http11,
                    b"HTTP/1.0" => Version::Http10,
                    _ => return Err(Breach::Malformed),
                };
            }
            Line::Name(_) => return Err(Breach::Malformed),
            Line::Value { of, text } => match of {
                Field::Other => {}
                Field::Length => self.length = Some(length(text, self.length)?),
                Field::Encoding => self.encodings = self.encodings.and(text, rules)?,
            },
        }
        self.line = Line::Start;
        Ok(None)
    }

    fn end(&self, rules: Strict) -> Result<Body, Breach> {
        let is_old = self.version == Version::Http10;
        match (self.encodings, self.length) {
            (Encodings::None, length) => Ok(Body::Length(length.unwrap_or(0))),
            _ if is_old => Err(Breach::OldEncoding),
            (_, Some(_)) if rules.length_and_encoding => Err(Breach::LengthAndEncoding),
            // hyper wants `chunked` at the end.
            (Encodings::Other, _) => Err(Breach::OtherEncoding),
            (Encodings::Chunked | Encodings::OtherChunked, _) => Ok(Body::Chunked),
        }
    }
}

impl Field {
    fn named(name: &Text<NAME>) -> Result<Self, Breach> {
        match name.get() {
            Some(b"") => Err(Breach::Malformed),
            Some(LENGTH) => Ok(Self::Length),
            Some(ENCODING) => Ok(Self::Encoding),
            _ => Ok(Self::Other),
        }
    }
}

impl Encodings {
    /// The encodings with those of a further line.
    fn and(self, text: &Text<VALUE>, rules: Strict) -> Result<Self, Breach> {
        let text = text.get().ok_or(Breach::OtherEncoding)?;
        let is_chunked = |text: &[u8]| text.trim_ascii().eq_ignore_ascii_case(b"chunked");
        let last = text.rsplit(|byte| *byte == b',').next();
        let encodings = match self {
            Self::None if is_chunked(text) => Self::Chunked,
            _ if last.is_some_and(is_chunked) => Self::OtherChunked,
            _ => Self::Other,
        };
        if rules.other_encoding && encodings != Self::Chunked {
            return Err(Breach::OtherEncoding);
        }
        Ok(encodings)
    }
}

/// The length in the value of a header, which must be the one that came before.
fn length(text: &Text<VALUE>, before: Option<u64>) -> Result<u64, Breach> {
    let digits = text.get().ok_or(Breach::Length)?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number);
    let length: u64 = number
        .and_then(|digits| digits.parse().ok())
        .ok_or(Breach::Length)?;
    match before {
        Some(before) if before != length => Err(Breach::Length),
        _ => Ok(length),
    }
}

/// Whether a byte may be in the name of a header (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
