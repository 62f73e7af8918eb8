//! Marks in the place of secrets.
//!
//! Some schemes sign nothing: the request carries the secret itself, as it is or in base64 (HTTP
//! Basic). A capture of such a request has a mark in its place, and a command that knows the
//! secrets puts them back. Each capture has a mark of its own that nobody can guess: a sender who
//! wrote a mark would otherwise have a secret put into a request.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use tollgate_base::random::random_bytes;
use tollgate_scheme::SourceSecret;

/// The mark of one capture.
#[derive(Debug)]
pub(crate) struct Marks(String);

/// A request carried a secret that is not known here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request carried secret {0} of its source, and there is no such secret here")]
pub(crate) struct MissingSecret(usize);

/// The most secrets of a source whose marks are looked for.
const MOST: usize = 64;

impl Marks {
    /// A new mark.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(format!(
            "secret-{}",
            hex::encode(random_bytes::<16>()?)
        )))
    }

    /// The mark that a capture names.
    pub(crate) fn named(mark: &str) -> Self {
        Self(mark.to_owned())
    }

    /// The text of the mark.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes with marks in the place of secrets. `None` if there are none in it.
    pub(crate) fn hide(&self, bytes: &[u8], secrets: &[SourceSecret]) -> Option<Vec<u8>> {
        let mut hidden = None;
        for (index, secret) in secrets.iter().enumerate() {
            let secret = secret.secret.expose();
            if secret.is_empty() {
                continue;
            }
            let encoded = STANDARD.encode(secret);
            let forms = [
                (encoded.as_bytes(), self.mark(index, true)),
                (secret, self.mark(index, false)),
            ];
            for (form, mark) in forms {
                let now = hidden.as_deref().unwrap_or(bytes);
                if let Some(other) = replaced(now, form, mark.as_bytes()) {
                    hidden = Some(other);
                }
            }
        }
        hidden
    }

    /// The bytes with secrets in the place of marks.
    ///
    /// # Errors
    /// A secret is not there.
    pub(crate) fn fill(
        &self,
        bytes: Vec<u8>,
        secrets: &[SourceSecret],
    ) -> Result<Vec<u8>, MissingSecret> {
        let mut filled = bytes;
        for index in 0..MOST {
            for in_base64 in [true, false] {
                let mark = self.mark(index, in_base64);
                if memmem::find(&filled, mark.as_bytes()).is_none() {
                    continue;
                }
                let secret = secrets.get(index).ok_or(MissingSecret(index + 1))?;
                let secret = secret.secret.expose();
                let form = match in_base64 {
                    true => STANDARD.encode(secret).into_bytes(),
                    false => secret.to_vec(),
                };
                filled = replaced(&filled, mark.as_bytes(), &form).unwrap_or(filled);
            }
        }
        Ok(filled)
    }

    fn mark(&self, index: usize, in_base64: bool) -> String {
        let form = if in_base64 { ":base64" } else { "" };
        format!("{{{{{}:{}{form}}}}}", self.0, index + 1)
    }
}

/// The bytes with `by` in the place of each `part`. `None` if there is none.
fn replaced(bytes: &[u8], part: &[u8], by: &[u8]) -> Option<Vec<u8>> {
    let mut found = memmem::find_iter(bytes, part).peekable();
    found.peek()?;
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in found {
        replaced.extend_from_slice(&bytes[from..at]);
        replaced.extend_from_slice(by);
        from = at + part.len();
    }
    replaced.extend_from_slice(&bytes[from..]);
    Some(replaced)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use tollgate_base::secret::Secret;

    use super::*;

    fn secrets(texts: &[&str]) -> Vec<SourceSecret> {
        let secrets = texts.iter().map(|text| Secret::new(text.as_bytes()));
        secrets.map(SourceSecret::from).collect()
    }

    #[test]
    fn secrets_are_hidden_and_come_back() {
        let secrets = secrets(&["", "hunter2", "user:password"]);
        let marks = Marks::new().unwrap();
        for text in ["Bearer hunter2, hunter2", "Basic dXNlcjpwYXNzd29yZA=="] {
            let hidden = marks.hide(text.as_bytes(), &secrets).unwrap();
            let shown = String::from_utf8(hidden.clone()).unwrap();
            assert!(
                !shown.contains("hunter2") && !shown.contains("dXNl"),
                "{shown}"
            );
            assert_eq!(marks.fill(hidden, &secrets).unwrap(), text.as_bytes());
        }
        assert_eq!(marks.hide(b"t=1,v1=abc", &secrets), None);
    }

    #[test]
    fn a_mark_of_another_capture_is_left_alone() {
        let secrets = secrets(&["hunter2"]);
        let forged = Marks::new().unwrap().hide(b"hunter2", &secrets).unwrap();
        let filled = Marks::new()
            .unwrap()
            .fill(forged.clone(), &secrets)
            .unwrap();
        assert_eq!(filled, forged);
    }

    #[test]
    fn a_secret_that_is_not_known_is_told() {
        let marks = Marks::new().unwrap();
        let hidden = marks.hide(b"hunter2", &secrets(&["other", "hunter2"]));
        let filled = marks.fill(hidden.unwrap(), &secrets(&["other"]));
        assert_eq!(filled.unwrap_err(), MissingSecret(2));
    }
}
