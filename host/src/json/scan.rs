//! Walks over JSON (RFC 8259) without building anything.

use std::borrow::Cow;

use super::NotJson;

/// How deeply objects and arrays may lie within each other: as many levels as serde_json
/// allows, far more than any provider's body has. Bounds the stack.
pub(super) const MAX_DEPTH: usize = 127;

/// A place in a text.
pub(super) struct Scan<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Passes over white space and tells what comes.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        if byte > b' ' {
            return Some(byte);
        }
        self.white_space()
    }

    fn white_space(&mut self) -> Option<u8> {
        loop {
            // Indentation, eight spaces at a time.
            while self.text.get(self.at..self.at + 8) == Some(&[b' '; 8]) {
                self.at += 8;
            }
            let byte = *self.text.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Whether the text ends here, but for white space.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.expected("the end"),
        }
    }

    /// Passes over a value; returns where it begins, and its bytes.
    pub(super) fn value(&mut self, depth: usize) -> Result<(usize, &'t [u8]), NotJson> {
        self.peek();
        let from = self.at;
        self.skip(depth)?;
        Ok((from, &self.text[from..self.at]))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), NotJson> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth, |scan, _| scan.skip(depth + 1)),
            Some(b'[') => self.array(depth, |scan, _| scan.skip(depth + 1)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.expected("a value"),
        }
    }

    /// Passes over the object that comes; `each` is called with each key and must pass over
    /// its value.
    pub(super) fn object(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, Cow<'t, [u8]>) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.expected("a key");
            }
            let key = self.key()?;
            if self.peek() != Some(b':') {
                return self.expected("`:`");
            }
            self.at += 1;
            each(self, key)?;
            if self.close(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    /// Passes over the array that comes; `each` is called with each item's index and must
    /// pass over it.
    pub(super) fn array(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, usize) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            each(self, index)?;
            if self.close(b']', "`,` or `]`")? {
                break;
            }
        }
        Ok(())
    }

    fn enter(&mut self, depth: usize) -> Result<(), NotJson> {
        self.at += 1;
        if depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(NotJson::TooDeep)
        }
    }

    /// Passes over a comma (false) or the closing sign (true).
    fn close(&mut self, sign: u8, expected: &'static str) -> Result<bool, NotJson> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == sign => {
                self.at += 1;
                Ok(true)
            }
            _ => self.expected(expected),
        }
    }

    /// The key that comes, unescaped.
    fn key(&mut self) -> Result<Cow<'t, [u8]>, NotJson> {
        let from = self.at;
        let escaped = self.string()?;
        if !escaped {
            return Ok(Cow::Borrowed(&self.text[from + 1..self.at - 1]));
        }
        // A key that is no Unicode text is none that a pointer could name, nor are these bytes.
        match serde_json::from_slice::<String>(&self.text[from..self.at]) {
            Ok(key) => Ok(Cow::Owned(key.into_bytes())),
            Err(_) => Ok(Cow::Borrowed(b"\xff")),
        }
    }

    /// Passes over a string; tells whether there is an escape in it.
    #[inline]
    fn string(&mut self) -> Result<bool, NotJson> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.expected("the end of a string"),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), NotJson> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.expected("four hexadecimal digits");
                }
                self.at += 6;
            }
            _ => return self.expected("an escape"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes over one digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        let rest = &self.text[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            return self.expected("a digit");
        }
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Result<(), NotJson> {
        if !self.text[self.at..].starts_with(word) {
            return self.expected("a value");
        }
        self.at += word.len();
        Ok(())
    }

    #[cold]
    fn expected<T>(&self, expected: &'static str) -> Result<T, NotJson> {
        Err(NotJson::Syntax {
            at: self.at,
            expected,
        })
    }
}

const ONES: u64 = u64::MAX / 0xff;
const HIGHS: u64 = ONES << 7;

/// How many bytes from the start need no attention within a string: neither quote nor
/// backslash nor control character. Most strings end within a word or two; what is longer
/// goes on in steps of [`WIDE`].
#[inline]
fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == WIDE {
            at += wide(&text[at..]);
        }
    }
    let rest = text[at..].iter();
    at + rest.take_while(|byte| !needs_attention(**byte)).count()
}

/// The high bit of each byte that needs attention, of which the first such byte is shown
/// surely and later ones perhaps: where the subtraction borrows.
#[inline]
fn special(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

/// Bytes that one wide step looks at.
const WIDE: usize = 32;

/// How many bytes from the start, in whole steps, need no attention. Without a branch for
/// each byte, so that the compiler can compare many at once.
fn wide(text: &[u8]) -> usize {
    let (steps, _) = text.as_chunks::<WIDE>();
    let quiet = |step: &[u8; WIDE]| {
        !step
            .iter()
            .fold(false, |any, byte| any | needs_attention(*byte))
    };
    steps.iter().take_while(|step| quiet(step)).count() * WIDE
}

#[inline]
fn needs_attention(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}
