//! The rules about the host of a request (RFC 9112, section 3.2, and RFC 9113, section 8.3.1).

use std::net::Ipv6Addr;

use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Version, header};

use super::breach::Breach;
use crate::settings::Strict;

/// The rule that a head breaks, if there is one.
pub(in crate::server) fn breach(head: &Parts, rules: Strict) -> Option<Breach> {
    let mut named = head.headers.get_all(header::HOST).iter();
    let (host, further) = (named.next(), named.next());
    let authority = head.uri.authority();
    let is_needed = match head.version {
        Version::HTTP_10 => false,
        Version::HTTP_11 => true,
        // HTTP/2 names the host in `:authority`.
        _ => authority.is_none(),
    };
    let is_wrong = further.is_some()
        || match host {
            Some(host) => named_host(host).is_none(),
            None => is_needed,
        }
        || authority.is_some_and(|authority| !is_clear(authority))
        || head.uri.scheme().is_some_and(|scheme| !is_web(scheme));
    if rules.host && is_wrong {
        return Some(Breach::Host);
    }
    let differs = |authority: &Authority| {
        let host = host.and_then(named_host).flatten();
        host.is_none_or(|host| !is_same(&host, authority, head.uri.scheme()))
    };
    let is_other = rules.other_host && host.is_some() && authority.is_some_and(differs);
    is_other.then_some(Breach::OtherHost)
}

/// The host that a header names; the inner `None` if the header is empty, the outer `None` if the
/// header names no host.
fn named_host(value: &HeaderValue) -> Option<Option<Authority>> {
    if value.is_empty() {
        return Some(None);
    }
    let authority: Authority = value.to_str().ok()?.parse().ok()?;
    is_clear(&authority).then_some(Some(authority))
}

/// Whether an authority is a host, and a port or none. A port that cannot be read is another one
/// for each server, and so is a host behind the name of a user.
fn is_clear(authority: &Authority) -> bool {
    let text = authority.as_str();
    let host = authority.host();
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty(),
    };
    let is_port = match text.strip_prefix(host) {
        Some("" | ":") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
        }),
        // The name of a user stands before the host.
        None => false,
    };
    is_host && is_port
}

fn is_web(scheme: &Scheme) -> bool {
    *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS
}

fn is_same(one: &Authority, other: &Authority, scheme: Option<&Scheme>) -> bool {
    let default = if scheme == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    one.host().eq_ignore_ascii_case(other.host()) && port(one) == port(other)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn judged(version: Version, target: &str, hosts: &[&str]) -> Option<Breach> {
        let mut request = Request::post(target).version(version);
        for host in hosts {
            request = request.header("host", *host);
        }
        breach(&request.body(()).unwrap().into_parts().0, Strict::ON)
    }

    #[test]
    fn a_request_names_one_host() {
        use Version as V;
        for (version, target, hosts, expected) in [
            (V::HTTP_11, "/", &["x"][..], None),
            (V::HTTP_11, "/", &["x:8080"], None),
            (V::HTTP_11, "/", &["[::1]:80"], None),
            (V::HTTP_11, "/", &[""], None),
            (V::HTTP_11, "/", &[], Some(Breach::Host)),
            (V::HTTP_11, "/", &["x", "x"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["a b"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["a,b"], None),
            (V::HTTP_11, "/", &["a/b"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["u@x"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["x:"], None),
            (V::HTTP_11, "/", &["x:65535"], None),
            (V::HTTP_11, "/", &["x:65536"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["x:99999"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["x:abc"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["x:+80"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["[]"], Some(Breach::Host)),
            (V::HTTP_11, "/", &["[x]"], Some(Breach::Host)),
            (V::HTTP_11, "http://u@x/", &["x"], Some(Breach::Host)),
            (V::HTTP_11, "http://x:99999/", &["x"], Some(Breach::Host)),
            (V::HTTP_11, "ftp://x/", &["x"], Some(Breach::Host)),
            (V::HTTP_2, "http://u@x/", &[], Some(Breach::Host)),
            (V::HTTP_2, "ftp://x/", &[], Some(Breach::Host)),
            (V::HTTP_10, "/", &[], None),
            (V::HTTP_10, "/", &["x", "x"], Some(Breach::Host)),
            (V::HTTP_11, "http://x/", &["x"], None),
            (V::HTTP_11, "http://X/", &["x:80"], None),
            (V::HTTP_11, "https://x:443/", &["x"], None),
            (V::HTTP_11, "http://x/", &["y"], Some(Breach::OtherHost)),
            (V::HTTP_11, "http://x:81/", &["x"], Some(Breach::OtherHost)),
            (V::HTTP_11, "http://x/", &[""], Some(Breach::OtherHost)),
            (V::HTTP_2, "http://x/", &[], None),
            (V::HTTP_2, "http://x/", &["x"], None),
            (V::HTTP_2, "http://x/", &["y"], Some(Breach::OtherHost)),
            (V::HTTP_2, "/", &["x"], None),
            (V::HTTP_2, "/", &[], Some(Breach::Host)),
        ] {
            let found = judged(version, target, hosts);
            assert_eq!(found, expected, "{version:?} {target} {hosts:?}");
        }
    }
}
