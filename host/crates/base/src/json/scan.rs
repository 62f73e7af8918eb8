//! Walks over JSON (RFC 8259) without building a tree.

use std::borrow::Cow;
use std::ops::Range;

use super::error::{Fault, MAX_DEPTH, NotJson};
use super::mask::{BLOCK, attention};

/// A position in a text.
pub(super) struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// The start of the block of `mask`.
    block: usize,
    mask: u64,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            block: 0,
            mask: attention(text),
        }
    }

    /// Skips white space and returns the next byte.
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
            // Indentation: eight spaces at a time.
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

    /// Checks that only white space follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.expected("the end"),
        }
    }

    /// Skips a value. Returns the index of its first byte, and its bytes.
    pub(super) fn value(&mut self, depth: usize) -> Result<(usize, &'t [u8]), Fault> {
        self.peek();
        let from = self.at;
        self.skip(depth)?;
        Ok((from, &self.text[from..self.at]))
    }

    /// Skips a value with everything inside it.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        // A bit for each open level, the lowest bit for the innermost level. Set for objects.
        let (mut open, mut objects) = (0, 0_u128);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(sign @ (b'{' | b'[')) => {
                    self.enter(depth + open)?;
                    let object = sign == b'{';
                    // In ASCII, the closing sign is two after the opening sign.
                    if self.peek() != Some(sign + 2) {
                        open += 1;
                        objects = objects << 1 | u128::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return self.expected("a value"),
            }
            // A value has ended. The objects and arrays around it may end too.
            loop {
                if open == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                let ended = match object {
                    true => self.close(b'}', "`,` or `}`")?,
                    false => self.close(b']', "`,` or `]`")?,
                };
                if !ended {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                open -= 1;
                objects >>= 1;
            }
        }
    }

    /// Skips the next object. Calls `each` with each key; `each` must skip the value.
    pub(super) fn object(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, Cow<'t, [u8]>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let (key, escaped) = self.key()?;
            let key = self.unescaped(key, escaped);
            each(self, key)?;
            if self.close(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    /// Skips the next array. Calls `each` with the index of each item; `each` must skip the item.
    pub(super) fn array(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
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

    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(Box::new(NotJson::TooDeep))
        }
    }

    /// Skips a comma (false) or the closing sign (true).
    fn close(&mut self, sign: u8, expected: &'static str) -> Result<bool, Fault> {
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

    /// Skips a key and its colon. Returns the range of the key with its quotes, and whether the key
    /// holds an escape.
    #[inline(always)]
    fn key(&mut self) -> Result<(Range<usize>, bool), Fault> {
        if self.peek() != Some(b'"') {
            return self.expected("a key");
        }
        let from = self.at;
        let escaped = self.string()?;
        let key = from..self.at;
        if self.peek() != Some(b':') {
            return self.expected("`:`");
        }
        self.at += 1;
        Ok((key, escaped))
    }

    /// The text of a key whose range includes the quotes.
    #[inline]
    fn unescaped(&self, key: Range<usize>, escaped: bool) -> Cow<'t, [u8]> {
        if !escaped {
            return Cow::Borrowed(&self.text[key.start + 1..key.end - 1]);
        }
        // No pointer can name a key that is not Unicode. No pointer can name these bytes either.
        match serde_json::from_slice::<String>(&self.text[key]) {
            Ok(key) => Cow::Owned(key.into_bytes()),
            Err(_) => Cow::Borrowed(b"\xff"),
        }
    }

    /// Skips a string. Returns whether the string holds an escape.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.quiet();
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

    /// Skips the bytes of a string up to the next byte in the mask.
    #[inline(always)]
    fn quiet(&mut self) {
        loop {
            let block = self.at & !(BLOCK - 1);
            if block != self.block {
                self.block = block;
                self.mask = attention(&self.text[block..]);
            }
            let ahead = self.mask >> (self.at - block);
            if ahead != 0 {
                self.at += ahead.trailing_zeros() as usize;
                return;
            }
            self.at = block + BLOCK;
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), Fault> {
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

    fn number(&mut self) -> Result<(), Fault> {
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

    /// Skips one or more digits.
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            return self.expected("a digit");
        }
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word) {
            return self.expected("a value");
        }
        self.at += word.len();
        Ok(())
    }

    #[cold]
    fn expected<T>(&self, expected: &'static str) -> Result<T, Fault> {
        Err(Box::new(NotJson::Syntax {
            at: self.at,
            expected,
        }))
    }
}
