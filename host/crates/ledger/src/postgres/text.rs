//! Texts as PostgreSQL keeps them.
//!
//! PostgreSQL refuses the character NUL in a text, but a provider may sign one, and a handler may
//! make one. So NUL is written as two other characters, and the first of these as itself and one
//! more. All other texts stay as they are, so that people can read them.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Stands before `0` for NUL, and before `1` for itself. No text of the world holds this
/// character of private use.
const MARK: char = '\u{f0000}';

/// A text on its way into the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let written = written(self.0);
        (&*written).to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// A text from the database.
#[derive(Debug)]
pub(crate) struct OwnedText(pub(crate) String);

impl<'a> FromSql<'a> for OwnedText {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let found = <&str as FromSql<'a>>::from_sql(ty, raw)?;
        Ok(Self(read(found)))
    }

    fn accepts(ty: &Type) -> bool {
        <&str as FromSql<'a>>::accepts(ty)
    }
}

fn written(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => written.extend([MARK, '0']),
            MARK => written.extend([MARK, '1']),
            other => written.push(other),
        }
    }
    written.into()
}

fn read(found: &str) -> String {
    if !found.contains(MARK) {
        return found.to_owned();
    }
    let mut text = String::with_capacity(found.len());
    let mut chars = found.chars();
    while let Some(c) = chars.next() {
        match (c, c == MARK) {
            (_, false) => text.push(c),
            (_, true) => match chars.next() {
                Some('0') => text.push('\0'),
                _ => text.push(MARK),
            },
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_is_written_with_nul() {
        for text in [
            "",
            "pi_1",
            "a\0b",
            "\0",
            "\u{f0000}",
            "\u{f0000}0\0\u{f0000}1",
            "é\u{10ffff}",
        ] {
            let kept = written(text);
            assert!(!kept.contains('\0'));
            assert_eq!(read(&kept), text);
        }
        assert_eq!(written("as it is"), "as it is");
    }
}
