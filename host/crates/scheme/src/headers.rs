//! The request headers that a scheme reads and records.

use http::header::{AsHeaderName, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName};

use super::rejection::Rejection;
use tollgate_base::event::Headers;

/// The headers that every scheme records.
pub(super) static ALWAYS_RECORDED: [HeaderName; 2] = [CONTENT_TYPE, USER_AGENT];

/// The text of a header. The header must come exactly once and be visible ASCII.
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

/// The headers with these names, to be recorded. A header that is no text is left out.
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

/// The names of headers that a scheme reads. All are found in one pass over the headers of a
/// request.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderSet {
    /// The names with their lengths. Most names differ in length.
    names: Vec<(usize, HeaderName)>,
    /// A bit for each length. Most headers of a request need no comparison.
    lengths: u64,
}

/// The headers of a request whose names are in a set, in the order of the request.
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

    /// The headers of a request whose names are in this set.
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
    /// The first value of a header. `None` if there is none or the value is no text.
    pub(super) fn get(&self, name: &HeaderName) -> Option<&'r str> {
        let mut found = self.0.iter();
        found.find_map(|(found, value)| (*found == name).then_some(*value))?
    }

    /// All found headers, to be recorded. A header that is no text is left out.
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
