//! The paths that may be asked for: those below `/v1/` and `/v2/`.
//!
//! The path comes from a signed event, and goes to the configured host with the account's key. So
//! nothing in it may be read by anybody as another host, or as a path outside of the API.

/// The longest path. Stripe's have some hundred bytes at most.
const LONGEST: usize = 2048;

/// Why a path is not asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum PathProblem {
    /// The path is not of the API.
    #[error("is not below /v1/ or /v2/")]
    Outside,
    /// A segment is empty or leads to another folder.
    #[error("has an empty segment, or one that leads elsewhere")]
    Segment,
    /// A character may be read in two ways.
    #[error("has a character or an escape that can be read in two ways")]
    Character,
    /// The path is too long.
    #[error("is longer than {LONGEST} bytes")]
    Long,
}

/// Checks a path with its query, which is then used as it stands.
pub(crate) fn check(url: &str) -> Result<&str, PathProblem> {
    if url.len() > LONGEST {
        return Err(PathProblem::Long);
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if !(path.starts_with("/v1/") || path.starts_with("/v2/")) {
        return Err(PathProblem::Outside);
    }
    if !characters_are_plain(path, b"/") || !characters_are_plain(query, b"/=&[],?") {
        return Err(PathProblem::Character);
    }
    let leads_elsewhere = |segment: &str| matches!(segment, "" | "." | "..");
    if path.split('/').skip(1).any(leads_elsewhere) {
        return Err(PathProblem::Segment);
    }
    Ok(url)
}

/// Whether a text has only letters, digits, these characters and some others that nobody reads in
/// two ways, and escapes of further such characters.
fn characters_are_plain(text: &str, separators: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| (digit as char).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => escaped_is_plain(high * 16 + low),
                    _ => false,
                }
            }
            byte => {
                byte.is_ascii_alphanumeric()
                    || b"-._~!$'()*+,;=:".contains(&byte)
                    || separators.contains(&byte)
            }
        };
        if !plain {
            return false;
        }
    }
    true
}

/// Whether an escape stands for a character that has no meaning in a URL. Ids that merchants
/// choose, such as those of coupons, may have spaces and letters of other alphabets.
fn escaped_is_plain(code: u32) -> bool {
    match code {
        0x80.. => true,
        _ => {
            let byte = char::from_u32(code).unwrap_or('\0');
            byte == ' ' || byte.is_ascii_alphanumeric() || "-_~!$'()*+,".contains(byte)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use PathProblem::{Character, Long, Outside, Segment};

    #[test]
    fn stripes_paths_are_taken_as_they_stand() {
        for path in [
            "/v1/customers/cus_1",
            "/v1/balance",
            "/v2/core/accounts/acct_1?include[0]=identity&include=a,b",
            "/v1/coupons/SUMMER%2020",
            "/v1/coupons/caf%C3%A9",
            "/v1/billing/meters/mtr_1~x",
        ] {
            assert_eq!(check(path), Ok(path));
        }
    }

    #[test]
    fn tricks_are_refused() {
        let long = format!("/v1/{}", "a".repeat(LONGEST));
        for (url, why) in [
            ("", Outside),
            ("/", Outside),
            ("/v1", Outside),
            ("/v3/x", Outside),
            ("/v10/x", Outside),
            ("v1/x", Outside),
            ("//evil.example/v1/x", Outside),
            ("https://evil.example/v1/x", Outside),
            ("/V1/x", Outside),
            ("/%76%31/x", Outside),
            ("\\v1\\x", Outside),
            ("?/v1/x", Outside),
            ("/v1/", Segment),
            ("/v1//x", Segment),
            ("/v1/x/", Segment),
            ("/v1/../admin", Segment),
            ("/v1/./x", Segment),
            ("/v1/x/..", Segment),
            ("/v1/..?x", Segment),
            ("/v1/%2e%2e/x", Character),
            ("/v1/%2E/x", Character),
            ("/v1/a%2fb", Character),
            ("/v1/a%5cb", Character),
            ("/v1/a%252e", Character),
            ("/v1/a%00", Character),
            ("/v1/a%0d%0aX: y", Character),
            ("/v1/a%3fb", Character),
            ("/v1/a%23b", Character),
            ("/v1/a%40b", Character),
            ("/v1/a%4", Character),
            ("/v1/a%zz", Character),
            ("/v1/a%+1", Character),
            ("/v1/a\\..\\b", Character),
            ("/v1/x@evil.example", Character),
            ("/v1/x#y", Character),
            ("/v1/x y", Character),
            ("/v1/x\r\nHost: evil", Character),
            ("/v1/caf\u{e9}", Character),
            ("/v1/x?a=b@c", Character),
            ("/v1/x?a#b", Character),
            (long.as_str(), Long),
        ] {
            assert_eq!(check(url), Err(why), "{url}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Whatever is taken is one request to one place, as two other readers see it.
        #[test]
        fn what_is_taken_stays_on_the_host(tail in "[/.%a-zA-Z0-9@\\\\:?#&=\\[\\] \u{e9}]{0,40}") {
            let path = format!("/v1/{tail}");
            if check(&path).is_ok() {
                let url = format!("https://api.example.com{path}");
                let uri: http::Uri = url.parse().expect("a URL");
                prop_assert_eq!(uri.host(), Some("api.example.com"));
                prop_assert_eq!(uri.path_and_query().map(|path| path.as_str()), Some(&path[..]));
                let decoded = percent(&path);
                prop_assert!(!decoded.contains("/../") && !decoded.ends_with("/.."));
                prop_assert!(!decoded.contains('\\') && !decoded.contains("//"));
            }
        }
    }

    fn percent(text: &str) -> String {
        let mut decoded = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                decoded.push(u8::from_str_radix(digits, 16).unwrap());
            } else {
                decoded.push(byte);
            }
        }
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        decoded.split('?').next().unwrap().to_owned()
    }
}
