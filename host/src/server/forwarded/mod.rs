//! Who sent a request, as trusted proxies tell it.
//!
//! A proxy in front of the gateway is the peer of the connection. The proxy names the sender in
//! `Forwarded` (RFC 7239) or `X-Forwarded-For`. Anybody can write these headers, and proxies add to
//! those that they receive. So only the headers of a trusted peer count, and the hops are read from
//! the right: the first hop that is not trusted is the sender. The sender wrote what stands further
//! left.

mod element;
mod node;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use crate::settings::Network;
use element::elements;
use node::{Hop, Node, listed_node};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    /// The other side of the connection.
    peer: SocketAddr,
    /// The address that trusted proxies tell, if they tell another than the peer's.
    told: Option<IpAddr>,
    /// Whether a trusted proxy has passed a request on whose sender it does not name clearly.
    is_hidden: bool,
    /// Whether trusted proxies tell that the request came to them by HTTPS.
    pub(super) https: bool,
    /// Why the address is not known.
    pub(super) doubt: Option<Doubt>,
}

/// Why the sender of a request behind a trusted proxy is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Doubt {
    /// `Forwarded` and `X-Forwarded-For` tell different senders. Most likely the proxy writes one
    /// of the two, and passes the other one on from the sender.
    #[error(
        "`Forwarded` and `X-Forwarded-For` name different senders, so neither counts: the proxy must \
         remove the header that it does not write"
    )]
    Differ,
    /// The part of the header that a trusted proxy wrote names no address.
    #[error("the forwarding header of a trusted proxy cannot be read")]
    Unreadable,
}

impl Doubt {
    /// The doubt as a short word that never changes.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Differ => "forwarded_differ",
            Self::Unreadable => "forwarded_unreadable",
        }
    }
}

impl Sender {
    /// A sender that is the peer itself.
    pub(super) fn direct(peer: SocketAddr) -> Self {
        Self {
            peer,
            told: None,
            is_hidden: false,
            https: false,
            doubt: None,
        }
    }

    /// The sender of a request with these headers on a connection of `peer`. `secured` says whether
    /// the connection has TLS; of a trusted proxy, its word alone counts, since it may have ended
    /// another connection without TLS.
    pub(super) fn of(
        peer: SocketAddr,
        secured: bool,
        headers: &HeaderMap,
        trusted: &[Network],
    ) -> Self {
        let direct = Self {
            https: secured,
            ..Self::direct(peer)
        };
        if !is_trusted(peer.ip(), trusted) {
            return direct;
        }
        let forwarded = forwarded_hops(headers).map(|hops| walk(peer.ip(), &hops, trusted));
        let listed = listed_hops(headers).map(|hops| walk(peer.ip(), &hops, trusted));
        let (told, doubt) = match (forwarded, listed) {
            (Some(one), Some(other)) if one.end != other.end => (None, Some(Doubt::Differ)),
            (Some(one), _) | (None, Some(one)) => match one.end {
                End::Address(address) => (Some(address), None),
                End::Hidden => (None, None),
                End::Unreadable => (None, Some(Doubt::Unreadable)),
            },
            (None, None) => (None, None),
        };
        let is_forwarded = forwarded.or(listed).is_some();
        Self {
            told: told.filter(|address| *address != peer.ip().to_canonical()),
            is_hidden: is_forwarded && told.is_none(),
            https: is_https(forwarded.and_then(|walk| walk.https), headers),
            doubt,
            ..direct
        }
    }

    /// The address that the request counts for: the sender's or, if no trusted proxy tells it, the
    /// peer's.
    pub(super) fn address(&self) -> IpAddr {
        self.told.unwrap_or_else(|| self.peer.ip())
    }

    /// The address of the sender; `None` if a trusted proxy passed the request on and does not name
    /// the sender clearly.
    pub(super) fn known_address(&self) -> Option<IpAddr> {
        (!self.is_hidden).then(|| self.address())
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told {
            Some(address) => write!(f, "{address} through {}", self.peer),
            None => write!(f, "{}", self.peer),
        }
    }
}

/// Where the way back through trusted proxies ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At this address.
    Address(IpAddr),
    /// At a sender whose address a trusted proxy hides or does not know.
    Hidden,
    /// At a hop that names no address.
    Unreadable,
}

/// The way back from the peer.
#[derive(Debug, Clone, Copy)]
struct Walk {
    end: End,
    /// Whether the last hop says that its request came by HTTPS.
    https: Option<bool>,
}

/// Follows the hops from the right for as long as the proxies are trusted.
fn walk(peer: IpAddr, hops: &[Hop], trusted: &[Network]) -> Walk {
    let mut at = peer.to_canonical();
    let mut https = None;
    for hop in hops.iter().rev() {
        if !is_trusted(at, trusted) {
            break;
        }
        https = hop.https;
        match hop.node {
            Node::Address(address) => at = address,
            Node::Hidden => {
                let end = End::Hidden;
                return Walk { end, https };
            }
            Node::Unreadable => {
                let (end, https) = (End::Unreadable, None);
                return Walk { end, https };
            }
        }
    }
    let end = End::Address(at);
    Walk { end, https }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The hops of all `Forwarded` lines, in the order in which proxies added them; `None` without such
/// a line. A line that cannot be read is one unreadable hop.
fn forwarded_hops(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let lines = headers.get_all(FORWARDED).iter();
    let hops = lines.flat_map(|line| {
        let read = line.to_str().ok().and_then(elements);
        read.unwrap_or_else(|| vec![Hop::UNREADABLE])
    });
    headers.contains_key(FORWARDED).then(|| hops.collect())
}

/// The same of `X-Forwarded-For`.
fn listed_hops(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let hops = lines.flat_map(|line| match line.to_str() {
        Ok(line) => line.split(',').map(listed_node).collect(),
        Err(_) => vec![Node::Unreadable],
    });
    let hops = hops.map(|node| Hop { node, https: None });
    headers.contains_key(FORWARDED_FOR).then(|| hops.collect())
}

/// Whether the request came by HTTPS: at least one of the headers says so, and none says otherwise.
fn is_https(forwarded: Option<bool>, headers: &HeaderMap) -> bool {
    let lines = headers.get_all(FORWARDED_PROTO).iter();
    let told = lines.flat_map(|line| match line.to_str() {
        Ok(line) => line
            .split(',')
            .map(|proto| proto.trim().eq_ignore_ascii_case("https"))
            .collect(),
        Err(_) => vec![false],
    });
    let all: Vec<bool> = told.chain(forwarded).collect();
    !all.is_empty() && all.iter().all(|https| *https)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        lines.collect()
    }

    fn trusted() -> Vec<Network> {
        ["10.0.0.0/8", "2001:db8:ffff::/48"]
            .map(|network| network.parse().unwrap())
            .to_vec()
    }

    fn sender(peer: &str, lines: &[(&'static str, &str)]) -> Sender {
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        Sender::of(peer, false, &headers(lines), &trusted())
    }

    fn address(peer: &str, lines: &[(&'static str, &str)]) -> String {
        sender(peer, lines).address().to_string()
    }

    const LIST: &str = "x-forwarded-for";
    const PROXY: &str = "10.0.0.1";

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_reach() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &[(LIST, "198.51.100.7")][..], "192.0.2.1"),
            (PROXY, &[], PROXY),
            (PROXY, &[(LIST, "198.51.100.7")], "198.51.100.7"),
            ("::ffff:10.0.0.1", &[(LIST, "198.51.100.7")], "198.51.100.7"),
            // The sender wrote the left part.
            (PROXY, &[(LIST, "1.1.1.1, 198.51.100.7")], "198.51.100.7"),
            (
                PROXY,
                &[(LIST, "1.1.1.1,198.51.100.7 ,10.9.9.9")],
                "198.51.100.7",
            ),
            (
                PROXY,
                &[(LIST, "10.1.1.1, 198.51.100.7, 10.9.9.9")],
                "198.51.100.7",
            ),
            // Every hop is trusted: the request began at the first proxy.
            (PROXY, &[(LIST, "10.1.1.1, 10.9.9.9")], "10.1.1.1"),
            // Several lines are one list.
            (
                PROXY,
                &[(LIST, "1.1.1.1"), (LIST, "198.51.100.7")],
                "198.51.100.7",
            ),
            (
                PROXY,
                &[(LIST, "198.51.100.7"), (LIST, "10.9.9.9")],
                "198.51.100.7",
            ),
            (PROXY, &[("forwarded", "for=198.51.100.7")], "198.51.100.7"),
            (
                PROXY,
                &[(
                    "forwarded",
                    "for=1.1.1.1, for=198.51.100.7;by=10.0.0.1, for=10.9.9.9",
                )],
                "198.51.100.7",
            ),
            (
                PROXY,
                &[
                    ("forwarded", "for=\"[2001:db8::7]:4711\""),
                    ("forwarded", "for=10.9.9.9"),
                ],
                "2001:db8::7",
            ),
        ] {
            assert_eq!(address(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn what_names_no_address_counts_for_the_proxy() {
        for (value, doubt) in [
            ("for=unknown", None),
            ("for=_hidden", None),
            ("for=\"_hidden:_port\"", None),
            ("proto=https", None),
            ("for=198.51.100.7, for=unknown", None),
            ("for=\"198.51.100.7", Some(Doubt::Unreadable)),
            (
                "for=1.1.1.1;by=\", for=198.51.100.7",
                Some(Doubt::Unreadable),
            ),
            ("for=198.51.100.7 for=1.1.1.1", Some(Doubt::Unreadable)),
            ("for=198.51.100.7;for=1.1.1.1", Some(Doubt::Unreadable)),
            ("for=2001:db8::7", Some(Doubt::Unreadable)),
            ("198.51.100.7", Some(Doubt::Unreadable)),
            ("for=198.51.100.7, ", Some(Doubt::Unreadable)),
            ("", Some(Doubt::Unreadable)),
        ] {
            let sender = sender(PROXY, &[("forwarded", value)]);
            assert_eq!(sender.address().to_string(), PROXY, "{value}");
            assert_eq!(sender.known_address(), None, "{value}");
            assert_eq!(sender.doubt, doubt, "{value}");
        }
        for value in [
            "198.51.100.7, ",
            "",
            "198.51.100.7, x",
            "for=198.51.100.7",
            "1.2.3.4.5",
        ] {
            let sender = sender(PROXY, &[(LIST, value)]);
            assert_eq!(sender.address().to_string(), PROXY, "{value}");
            assert_eq!(sender.known_address(), None, "{value}");
            assert_eq!(sender.doubt, Some(Doubt::Unreadable), "{value}");
        }
    }

    #[test]
    fn a_proxy_that_posts_for_itself_is_known() {
        let itself = PROXY.parse().ok();
        assert_eq!(sender(PROXY, &[]).known_address(), itself);
        assert_eq!(sender(PROXY, &[(LIST, PROXY)]).known_address(), itself);
    }

    #[test]
    fn two_headers_must_name_the_same_sender() {
        let both = |forwarded, list| {
            let sender = sender(PROXY, &[("forwarded", forwarded), (LIST, list)]);
            (sender.address().to_string(), sender.doubt)
        };
        let known = ("198.51.100.7".to_owned(), None);
        assert_eq!(both("for=198.51.100.7", "198.51.100.7"), known);
        // An inner proxy may add to one of the two alone.
        assert_eq!(both("for=198.51.100.7", "198.51.100.7, 10.9.9.9"), known);
        let differ = (PROXY.to_owned(), Some(Doubt::Differ));
        assert_eq!(both("for=1.1.1.1", "198.51.100.7"), differ);
        assert_eq!(both("for=unknown", "198.51.100.7"), differ);
        assert_eq!(both("for=198.51.100.7", "x"), differ);
    }

    #[test]
    fn https_is_what_every_header_says() {
        const PROTO: &str = "x-forwarded-proto";
        for (peer, lines, https) in [
            (PROXY, &[(PROTO, "https")][..], true),
            (PROXY, &[(PROTO, "HTTPS")], true),
            (PROXY, &[(PROTO, "http")], false),
            (PROXY, &[(PROTO, "https, http")], false),
            (PROXY, &[(PROTO, "https"), (PROTO, "http")], false),
            (PROXY, &[(PROTO, "https,https")], true),
            (PROXY, &[], false),
            ("192.0.2.1", &[(PROTO, "https")], false),
            (PROXY, &[("forwarded", "for=192.0.2.1;proto=https")], true),
            (PROXY, &[("forwarded", "for=192.0.2.1;proto=http")], false),
            (PROXY, &[("forwarded", "for=192.0.2.1")], false),
            // Between the two proxies the request goes by plain HTTP.
            (
                PROXY,
                &[(
                    "forwarded",
                    "for=192.0.2.1;proto=https, for=10.9.9.9;proto=http",
                )],
                true,
            ),
            // The sender wrote `proto=https`.
            (
                PROXY,
                &[(
                    "forwarded",
                    "for=1.1.1.1;proto=https, for=192.0.2.1;proto=http",
                )],
                false,
            ),
            (
                PROXY,
                &[("forwarded", "for=192.0.2.1;proto=https"), (PROTO, "http")],
                false,
            ),
        ] {
            assert_eq!(sender(peer, lines).https, https, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_log_names_both_sides() {
        let told = sender(PROXY, &[(LIST, "198.51.100.7")]);
        assert_eq!(told.to_string(), "198.51.100.7 through 10.0.0.1:4711");
        assert_eq!(sender(PROXY, &[]).to_string(), "10.0.0.1:4711");
    }

    proptest! {
        /// Whatever a sender writes into a line of its own, the line that the proxy adds counts.
        #[test]
        fn a_line_of_the_sender_changes_nothing(forged in "[ -~]{0,80}", v6 in any::<bool>()) {
            let (list, element, expected) = if v6 {
                ("2001:db8::7", "for=\"[2001:db8::7]\"", "2001:db8::7")
            } else {
                ("198.51.100.7", "for=198.51.100.7;proto=http", "198.51.100.7")
            };
            prop_assert_eq!(address(PROXY, &[(LIST, &forged), (LIST, list)]), expected);
            let lines = [("forwarded", &*forged), ("forwarded", element)];
            prop_assert_eq!(address(PROXY, &lines), expected);
        }

        /// If the proxy adds to the sender's line, the sender is the one whom the proxy names, or
        /// is not known: never one whom the line names.
        #[test]
        fn a_longer_line_tells_no_other_sender(forged in "[ -~]{0,80}") {
            let lines = [(LIST, &*format!("{forged}, 198.51.100.7"))];
            prop_assert_eq!(address(PROXY, &lines), "198.51.100.7");
            for added in ["for=198.51.100.7", "for=\"198.51.100.7:4711\";proto=http"] {
                let lines = [("forwarded", &*format!("{forged}, {added}"))];
                let found = sender(PROXY, &lines);
                let address = found.address().to_string();
                prop_assert!(["198.51.100.7", PROXY].contains(&&*address), "{} {}", forged, address);
            }
        }
    }
}
