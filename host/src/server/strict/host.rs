//! The rules about the host of a request (RFC 9112, section 3.2, and RFC 9113, section 8.3.1).

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
        };
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
    let names_host = !authority.host().is_empty() && !authority.as_str().contains('@');
    names_host.then_some(Some(authority))
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
