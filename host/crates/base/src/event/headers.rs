//! Recorded headers, in one piece of memory. An event has about ten recorded headers; a string for
//! each name and value would cost more than the search for the headers.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The recorded headers of a request: names in lower case with values, in the order of the request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Names and values, one after another.
    text: String,
    /// The end of each name and each value in `text`, in bytes.
    ends: Vec<usize>,
}

impl Headers {
    /// No headers, with capacity for `pairs` headers of `bytes` bytes in all.
    pub fn with_capacity(pairs: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(pairs * 2),
        }
    }

    /// Adds a header.
    pub fn push(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.text.push_str(part);
            self.ends.push(self.text.len());
        }
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let (pairs, _) = self.ends.as_chunks::<2>();
        let mut from = 0;
        pairs.iter().map(move |[name, value]| {
            let pair = (&self.text[from..*name], &self.text[*name..*value]);
            from = *value;
            pair
        })
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        headers.extend(pairs);
        headers
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.push(name.as_ref(), value.as_ref());
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// As a list of pairs.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(Cow<'de, str>, Cow<'de, str>)>::deserialize(from)?;
        Ok(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let pairs = [("a", "x"), ("", ""), ("a", "é\n"), ("b", "")];
        let headers: Headers = pairs.into_iter().collect();
        assert_eq!(headers.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(format!("{headers:?}"), format!("{pairs:?}"));
        let json = serde_json::to_string(&headers).expect("JSON");
        assert_eq!(json, serde_json::to_string(&pairs).expect("JSON"));
        let again: Headers = serde_json::from_str(&json).expect("headers");
        assert_eq!(again, headers);
        assert_eq!(Headers::default().iter().count(), 0);
    }

    #[test]
    fn headers_that_are_divided_otherwise_differ() {
        let of = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Headers>();
        assert_ne!(of(&[("ab", "c")]), of(&[("a", "bc")]));
    }
}
