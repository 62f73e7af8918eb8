//! The answer of a child that compiles: one byte that says its kind, then its bytes.

use std::io::{self, Read, Write};

/// Compiled code, or why the file is refused.
pub(super) type Answer = Result<Vec<u8>, Refusal>;

/// Why no component can be made out of a file, or why it does not compile. A text, because it may
/// come from another process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub(super) String);

const CODE: u8 = b'c';
const REFUSED: u8 = b'r';

/// The most bytes of an answer. The code of a component is a few times as large as the component.
const MAX_BYTES: u64 = 1 << 30;

/// Writes an answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let (kind, bytes) = match answer {
        Ok(code) => (CODE, code.as_slice()),
        Err(Refusal(text)) => (REFUSED, text.as_bytes()),
    };
    out.write_all(&[kind])?;
    out.write_all(bytes)?;
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
        CODE => Some(Ok(bytes)),
        REFUSED => Some(Err(Refusal(String::from_utf8_lossy(&bytes).into_owned()))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_back() {
        for answer in [
            Ok(vec![1, 2, 3]),
            Ok(vec![]),
            Err(Refusal("not so".to_owned())),
        ] {
            let mut bytes = Vec::new();
            write(&mut bytes, &answer).unwrap();
            assert_eq!(read(&mut bytes.as_slice()).unwrap(), Some(answer));
        }
        assert_eq!(read(&mut b"".as_slice()).unwrap(), None);
        assert_eq!(read(&mut b"usage: cat".as_slice()).unwrap(), None);
    }
}
