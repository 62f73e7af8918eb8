//! Request headers: those that a scheme reads, and those that are recorded.

use http::header::{AsHeaderName, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName};

use super::rejection::Rejection;
use tollgate_base::event::Headers;

/// Headers that every scheme records.
pub(super) static ALWAYS: [HeaderName; 2] = [CONTENT_TYPE, USER_AGENT];

/// A header's text, if it is there exactly once and is visible ASCII.
pub(super) fn header<N>(headers: &HeaderMap, name: N) -> Result<&str, Rejection>
where
    N: AsHeaderName + AsRef<str> + Copy,
{
    let named = || name.as_ref().to_owned();
    let mut values = headers.get_all(name).iter();
    let missing = || Rejection::MissingHeader { header: named() };
    let value = values.next().ok_or_else(missing)?;
    let more = values.count();
    if more > 0 {
        return Err(Rejection::RepeatedHeader {
            header: named(),
            count: more + 1,
        });
    }
    value
        .to_str()
        .map_err(|_| Rejection::UnreadableHeader { header: named() })
}

/// The headers of these names, to be recorded. One that is no text is left out.
pub(super) fn recorded<N>(headers: &HeaderMap, names: impl IntoIterator<Item = N>) -> Headers
where
    N: AsHeaderName + AsRef<str> + Copy,
{
    let mut recorded = Headers::default();
    for name in names {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        recorded.extend(texts.map(|text| (name, text)));
    }
    recorded
}

/// Headers that a scheme looks at, to be found in one pass over a request's.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderSet {
    /// Each with its length, by which most are told apart.
    names: Vec<(usize, HeaderName)>,
    /// A bit for each length, so that most headers of a request need no comparison.
    lengths: u64,
}

/// The headers of a set that a request has, in its order.
pub(super) struct FoundHeaders<'r>(Vec<(&'r HeaderName, Option<&'r str>)>);

impl HeaderSet {
    pub(super) fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut set = Self::default();
        for name in names {
            if !set.holds(&name) {
                let length = name.as_str().len();
                set.lengths |= length_bit(length);
                set.names.push((length, name));
            }
        }
        set
    }

    fn holds(&self, name: &HeaderName) -> bool {
        let length = name.as_str().len();
        self.lengths & length_bit(length) != 0
            && self
                .names
                .iter()
                .any(|(own_length, own)| *own_length == length && own == name)
    }

    /// Finds them.
    pub(super) fn find<'r>(&self, headers: &'r HeaderMap) -> FoundHeaders<'r> {
        let mut found = Vec::with_capacity(self.names.len());
        for (name, value) in headers.iter().filter(|(name, _)| self.holds(name)) {
            found.push((name, value.to_str().ok()));
        }
        FoundHeaders(found)
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl<'r> FoundHeaders<'r> {
    /// A header's first value; `None` also if that is no text.
    pub(super) fn get(&self, name: &HeaderName) -> Option<&'r str> {
        let mut found = self.0.iter();
        found.find_map(|(found, value)| (*found == name).then_some(*value))?
    }

    /// All of them, to be recorded. One that is no text is left out.
    pub(super) fn recorded(&self) -> Headers {
        let texts = || {
            let found = self.0.iter();
            found.filter_map(|(name, value)| Some((name.as_str(), (*value)?)))
        };
        let bytes = texts().map(|(name, value)| name.len() + value.len()).sum();
        let mut recorded = Headers::with_capacity(self.0.len(), bytes);
        recorded.extend(texts());
        recorded
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn wanted_headers_are_found_in_the_requests_order() {
        let name = HeaderName::from_static;
        // Two names of one length, one of them twice.
        let set = HeaderSet::new(["x-id", "x-no", "x-type", "x-id", "absent"].map(name));
        let mut headers = HeaderMap::new();
        for (header, value) in [
            ("x-type", &b"paid"[..]),
            ("x-of", b"other"),
            ("x-id", b"1"),
            ("x-id", b"2"),
            ("x-no", b"\xff"),
            ("x-no", b"text"),
        ] {
            let value = HeaderValue::from_bytes(value).expect("a value");
            headers.append(name(header), value);
        }
        let found = set.find(&headers);
        let get = |header| found.get(&name(header));
        assert_eq!(get("x-id"), Some("1"));
        assert_eq!(get("x-type"), Some("paid"));
        assert_eq!(get("x-no"), None, "the first value is no text");
        assert_eq!(get("absent"), None);
        let recorded = found.recorded();
        let recorded: Vec<_> = recorded.iter().collect();
        let wanted = [
            ("x-type", "paid"),
            ("x-id", "1"),
            ("x-id", "2"),
            ("x-no", "text"),
        ];
        assert_eq!(recorded, wanted);
    }
}
