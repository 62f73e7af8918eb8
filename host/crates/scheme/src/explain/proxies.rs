//! The traces that proxies leave in a request: docs/front-proxies.md has the proxies' defaults.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HOST};

use super::super::rejection::Rejection;

/// Escapes of characters that need none in a URL. lighttpd decodes them.
const DECODED: &[(&str, &str)] = &[("~", "%7E"), ("~", "%7e"), ("_", "%5F"), ("-", "%2D")];
/// Characters that must be escaped in a URL, though clients send them as they are. lighttpd escapes
/// them.
const ENCODED: &[(&str, &str)] = &[
    ("%5B", "["),
    ("%5D", "]"),
    ("%7B", "{"),
    ("%7D", "}"),
    ("%7C", "|"),
    ("%22", "\""),
];

/// Hints about what a proxy did to the headers of a request.
pub(super) fn about_headers(rejection: &Rejection, headers: &HeaderMap) -> Vec<String> {
    match rejection {
        Rejection::MissingHeader { header } if header.contains(['_', '.']) => vec![format!(
            "nginx drops headers with `_` or `.` in their name, such as `{header}`, unless \
             `underscores_in_headers` is on and `ignore_invalid_headers` off"
        )],
        Rejection::MalformedSignature { place, .. } if is_joined(headers, place) => vec![format!(
            "`{place}` has several values in one line: Apache and lighttpd join a header that comes \
             twice"
        )],
        _ => Vec::new(),
    }
}

fn is_joined(headers: &HeaderMap, name: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.contains(", "))
}

/// A hint if the body has another length than the head says.
pub(super) fn about_length(headers: &HeaderMap, body: usize) -> Option<String> {
    let length: usize = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    (length != body).then(|| {
        format!(
            "`content-length` is {length}, and the body has {body} bytes: the body was cut or changed \
             after the provider sent it, or it was not captured as it came"
        )
    })
}

/// Targets that the provider may have signed, if a proxy rewrote percent-escapes in the query.
pub(super) fn other_queries(target: &str) -> Vec<String> {
    let Some((path, query)) = target.split_once('?') else {
        return Vec::new();
    };
    let mut queries = vec![escapes(query, |digits| digits.to_ascii_lowercase())];
    queries.push(escapes(query, |digits| digits.to_ascii_uppercase()));
    for (from, to) in DECODED {
        queries.push(query.replace(from, to));
    }
    queries.push(ENCODED.iter().fold(query.to_owned(), |query, (from, to)| {
        query
            .replace(from, to)
            .replace(&from.to_ascii_lowercase(), to)
    }));
    queries.push(query.replace('+', "%20"));
    queries.push(query.replace("%20", "+"));
    queries.retain(|other| other != query);
    queries.dedup();
    let targets = queries.into_iter().map(|query| format!("{path}?{query}"));
    targets.collect()
}

/// The query with other digits after each `%`.
fn escapes(query: &str, change: impl Fn(&str) -> String) -> String {
    let mut parts = query.split('%');
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        changed.push('%');
        changed.push_str(&change(digits));
        changed.push_str(rest);
    }
    changed
}

/// The URL with the hosts that the request names, and with the path that arrived.
pub(super) fn other_hosts(url: &str, headers: &HeaderMap, target: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Vec::new();
    };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let named = ["x-forwarded-host", HOST.as_str()];
    let hosts = named
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok());
    let mut others: Vec<String> = hosts
        .map(|host| format!("{scheme}://{host}{path}"))
        .collect();
    if let Some(received) = target.strip_prefix('/') {
        let received = received.split('?').next().unwrap_or_default();
        others.push(format!("{scheme}://{authority}/{received}"));
    }
    others.retain(|other| other != url);
    others.dedup();
    others
}
