//! Follows a chunked body to its end (RFC 9112, section 7.1).
//!
//! hyper reads the body as well, and refuses what is not in the form of the standard. Everything
//! that hyper accepts is followed here in the same way.

/// The place in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the line with the size of a chunk. `digits`: how far the digits are read.
    Size { size: u64, digits: Digits },
    /// After the CR of that line.
    SizeLf { size: u64 },
    /// In a chunk with so many bytes left.
    Data { left: u64 },
    /// After a chunk.
    DataCr,
    /// After the CR that follows a chunk.
    DataLf,
    /// At the start of a line after the last chunk.
    Line,
    /// Within a trailer.
    Trailer,
    /// After a CR. `empty`: the line is empty, so the body ends with it.
    TrailerLf { empty: bool },
}

/// How far the digits of a size are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    None,
    Some,
    Over,
}

/// How far a body is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// All bytes belong to the body, and more follow.
    All,
    /// The body ends after so many bytes.
    End(usize),
    /// The body is not in the form of the standard.
    Broken,
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size {
            size: 0,
            digits: Digits::None,
        }
    }
}

impl Chunks {
    /// Takes in the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Taken {
        let mut at = 0;
        while at < bytes.len() {
            if let Self::Data { left } = self {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX);
                let taken = taken.min(bytes.len() - at);
                *left -= taken as u64;
                at += taken;
                if *left == 0 {
                    *self = Self::DataCr;
                }
                continue;
            }
            let next = self.after(bytes[at]);
            at += 1;
            match next {
                Some(Some(next)) => *self = next,
                Some(None) => return Taken::End(at),
                None => return Taken::Broken,
            }
        }
        Taken::All
    }

    /// The place after a byte that is not of a chunk's data. The inner `None`: the body has ended.
    /// The outer `None`: the byte is wrong.
    fn after(self, byte: u8) -> Option<Option<Self>> {
        Some(Some(match (self, byte) {
            (Self::Size { size, digits }, _) => Self::size(size, digits, byte)?,
            (Self::SizeLf { size: 0 }, b'\n') => Self::Line,
            (Self::SizeLf { size }, b'\n') => Self::Data { left: size },
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::default(),
            (Self::Line, b'\r') => Self::TrailerLf { empty: true },
            (Self::Trailer, b'\r') => Self::TrailerLf { empty: false },
            (Self::Line | Self::Trailer, _) => Self::Trailer,
            (Self::TrailerLf { empty: true }, b'\n') => return Some(None),
            (Self::TrailerLf { empty: false }, b'\n') => Self::Line,
            _ => return None,
        }))
    }

    fn size(size: u64, digits: Digits, byte: u8) -> Option<Self> {
        let digit = char::from(byte).to_digit(16);
        Some(match (byte, digits, digit) {
            (b'\n', ..) => return None,
            (b'\r', Digits::None, _) => return None,
            (b'\r', ..) => Self::SizeLf { size },
            (_, Digits::None | Digits::Some, Some(digit)) => Self::Size {
                size: size.checked_mul(16)?.checked_add(digit.into())?,
                digits: Digits::Some,
            },
            (_, Digits::None, None) => return None,
            // Blanks and extensions, which say nothing about the length.
            _ => Self::Size {
                size,
                digits: Digits::Over,
            },
        })
    }
}
