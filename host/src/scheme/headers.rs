//! Request headers: those that a scheme reads, and those that are recorded.

use http::HeaderMap;
use http::header::AsHeaderName;

use super::Rejection;

/// Headers that every scheme records.
pub(super) const ALWAYS: [&str; 2] = ["content-type", "user-agent"];

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
pub(super) fn recorded<N>(
    headers: &HeaderMap,
    names: impl IntoIterator<Item = N>,
) -> Vec<(String, String)>
where
    N: AsHeaderName + AsRef<str> + Copy,
{
    let mut recorded = Vec::new();
    for name in names {
        for value in headers.get_all(name) {
            if let Ok(text) = value.to_str() {
                recorded.push((name.as_ref().to_owned(), text.to_owned()));
            }
        }
    }
    recorded
}
