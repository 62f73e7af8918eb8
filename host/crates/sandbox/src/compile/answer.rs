//! The answer of a child that compiles: one byte that says its kind, then its bytes.

use std::io::{self, Read, Write};

use super::functions::Learned;

/// Compiled code, or why the file is refused.
pub(super) type Answer = Result<Compiled, Refusal>;

/// Compiled code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Compiled {
    pub(crate) code: Vec<u8>,
    /// The functions in the code, if they are to be kept.
    pub(super) learned: Learned,
}

/// Why no component can be made out of a file, or why it does not compile. A text, because it may
/// come from another process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub(super) String);

/// The code follows.
const CODE: u8 = b'c';
/// The length of what was learned follows in eight bytes, then that, then the code.
const LEARNED: u8 = b'l';
/// The reason follows.
const REFUSED: u8 = b'r';

/// The most bytes of an answer. The code of a component is a few times as large as the component.
const MAX_BYTES: u64 = 1 << 30;

/// Writes an answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    match answer {
        Ok(Compiled { code, learned }) if *learned == Learned::default() => {
            out.write_all(&[CODE])?;
            out.write_all(code)?;
        }
        Ok(Compiled { code, learned }) => {
            let learned = learned.to_bytes();
            out.write_all(&[LEARNED])?;
            out.write_all(&(learned.len() as u64).to_le_bytes())?;
            out.write_all(&learned)?;
            out.write_all(code)?;
        }
        Err(Refusal(text)) => {
            out.write_all(&[REFUSED])?;
            out.write_all(text.as_bytes())?;
        }
    }
    out.flush()
}

/// Reads an answer to its end; `None` if the bytes are no answer.
pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Answer>> {
    let mut kind = [0];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    input.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(None);
    }
    Ok(match kind[0] {
        CODE => Some(Ok(Compiled {
            code: bytes,
            learned: Learned::default(),
        })),
        LEARNED => with_learned(bytes).map(Ok),
        REFUSED => Some(Err(Refusal(String::from_utf8_lossy(&bytes).into_owned()))),
        _ => None,
    })
}

fn with_learned(mut bytes: Vec<u8>) -> Option<Compiled> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let learned = Learned::from_bytes(bytes.get(8..end)?)?;
    bytes.drain(..end);
    Some(Compiled {
        code: bytes,
        learned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_back() {
        let code = |code: &[u8]| Compiled {
            code: code.to_vec(),
            learned: Learned::default(),
        };
        let told = Learned::from_bytes(
            &[&[1, 0, 0, 0][..], &[7; 32], &[8; 32], &[2, 0, 0, 0, 5, 6]].concat(),
        );
        let with_learned = Compiled {
            learned: told.unwrap(),
            ..code(&[9])
        };
        for answer in [
            Ok(code(&[1, 2, 3])),
            Ok(code(&[])),
            Ok(with_learned),
            Err(Refusal("not so".to_owned())),
        ] {
            let mut bytes = Vec::new();
            write(&mut bytes, &answer).unwrap();
            assert_eq!(read(&mut bytes.as_slice()).unwrap(), Some(answer));
        }
        for none in [&b""[..], b"usage: cat", b"l", b"l\x09\0\0\0\0\0\0\0"] {
            let mut bytes = none;
            assert_eq!(read(&mut bytes).unwrap(), None);
        }
    }
}
