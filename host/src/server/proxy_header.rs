//! The header of the PROXY protocol, in which a proxy tells the address of its client.
//!
//! Versions 1 and 2 as HAProxy's `proxy-protocol.txt` (2020/03/05) has them. The parser takes one
//! byte at a time, so a header may arrive in any parts, and the bytes after the header stay where
//! they are. It keeps at most [`KEPT`] bytes, whatever length the header announces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first bytes of version 1.
const TEXT: &[u8] = b"PROXY ";
/// The first bytes of version 2.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The most bytes of a header of version 1, with the line's end.
const KEPT: usize = 107;
/// The bytes of version 2 before the addresses.
const FIXED: usize = 16;
/// The bytes of version 2 up to the addresses' end, for IPv4, IPv6 and UNIX.
const IPV4: usize = FIXED + 12;
const IPV6: usize = FIXED + 36;
const UNIX: usize = FIXED + 216;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The client of the proxy has this address.
    Client(SocketAddr),
    /// The proxy speaks for itself (such as a health check), or gives no address that a peer on
    /// the internet can have.
    NoClient,
}

/// The bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection does not begin with a header of the PROXY protocol")]
pub(super) struct NoHeader;

/// Reads a header, byte by byte.
#[derive(Debug)]
pub(super) struct Parser {
    kept: [u8; KEPT],
    /// How many bytes have arrived.
    arrived: usize,
}

impl Parser {
    /// Nothing has arrived.
    pub(super) fn new() -> Self {
        Self {
            kept: [0; KEPT],
            arrived: 0,
        }
    }

    /// Takes in bytes. Returns how many of them belong to the header, and what the header says
    /// once it is complete.
    ///
    /// # Errors
    /// The bytes are no header.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Said>), NoHeader> {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(said) = self.push(*byte)? {
                return Ok((index + 1, Some(said)));
            }
        }
        Ok((bytes.len(), None))
    }

    fn push(&mut self, byte: u8) -> Result<Option<Said>, NoHeader> {
        if let Some(place) = self.kept.get_mut(self.arrived) {
            *place = byte;
        }
        self.arrived += 1;
        let kept = &self.kept[..self.arrived.min(KEPT)];
        if begins(kept, TEXT) {
            return match byte {
                b'\n' => text(kept).map(Some),
                _ if self.arrived == KEPT => Err(NoHeader),
                _ => Ok(None),
            };
        }
        if !begins(kept, BINARY) {
            return Err(NoHeader);
        }
        if self.arrived < FIXED {
            return Ok(None);
        }
        let whole = FIXED + usize::from(u16::from_be_bytes([kept[14], kept[15]]));
        // A header that cannot be right is refused before its rest arrives.
        let said = binary(kept, whole)?;
        Ok((self.arrived == whole).then_some(said))
    }
}

/// Whether the bytes begin with `prefix`, as far as both go.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    let both = bytes.len().min(prefix.len());
    bytes[..both] == prefix[..both]
}

/// Reads a whole line of version 1.
fn text(line: &[u8]) -> Result<Said, NoHeader> {
    let line = line.strip_suffix(b"\r\n").ok_or(NoHeader)?;
    let line = line.strip_prefix(TEXT).ok_or(NoHeader)?;
    let line = str::from_utf8(line).map_err(|_| NoHeader)?;
    let fields: Vec<&str> = line.split(' ').collect();
    match fields[..] {
        // Whatever follows is to be ignored.
        ["UNKNOWN", ..] => Ok(Said::NoClient),
        ["TCP4", from, to, from_port, to_port] => client::<Ipv4Addr>(from, to, from_port, to_port),
        ["TCP6", from, to, from_port, to_port] => client::<Ipv6Addr>(from, to, from_port, to_port),
        _ => Err(NoHeader),
    }
}

fn client<A>(from: &str, to: &str, from_port: &str, to_port: &str) -> Result<Said, NoHeader>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let address = |text: &str| text.parse::<A>().map_err(|_| NoHeader);
    let (from, _) = (address(from)?, address(to)?);
    let (from_port, _) = (port(from_port)?, port(to_port)?);
    Ok(Said::Client(SocketAddr::new(from.into(), from_port)))
}

fn port(text: &str) -> Result<u16, NoHeader> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let read = text.parse().ok().filter(|_| digits);
    read.ok_or(NoHeader)
}

/// Reads the fixed part of version 2 and, once they have arrived, the addresses. `whole` is the
/// length of the header. Before the addresses have arrived, only the error counts.
fn binary(bytes: &[u8], whole: usize) -> Result<Said, NoHeader> {
    let local = match bytes[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(NoHeader),
    };
    let (family, transport) = (bytes[13] >> 4, bytes[13] & 0xf);
    let least = match (family, transport) {
        (0, 0) => FIXED,
        (1, 1 | 2) => IPV4,
        (2, 1 | 2) => IPV6,
        (3, 1 | 2) => UNIX,
        // The family of a header for the proxy itself is to be ignored.
        _ if local => FIXED,
        _ => return Err(NoHeader),
    };
    if local {
        return Ok(Said::NoClient);
    }
    if whole < least {
        return Err(NoHeader);
    }
    let from = match family {
        1 => address::<4>(&bytes[FIXED..]),
        2 => address::<16>(&bytes[FIXED..]),
        _ => None,
    };
    Ok(from.map_or(Said::NoClient, Said::Client))
}

/// The source of two addresses of `N` bytes each with their ports. `None` before all have arrived.
fn address<const N: usize>(bytes: &[u8]) -> Option<SocketAddr>
where
    [u8; N]: Into<IpAddr>,
{
    let ip: [u8; N] = *bytes.first_chunk()?;
    let port = *bytes.get(2 * N..)?.first_chunk()?;
    Some(SocketAddr::new(ip.into(), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a header says that arrives in parts of so many bytes, and how many bytes were taken.
    fn read(bytes: &[u8], part: usize) -> Result<(usize, Option<Said>), NoHeader> {
        let (mut parser, mut taken) = (Parser::new(), 0);
        for part in bytes.chunks(part) {
            let (used, said) = parser.take(part)?;
            taken += used;
            if said.is_some() {
                return Ok((taken, said));
            }
        }
        Ok((taken, None))
    }

    fn said(bytes: &[u8]) -> Result<Option<Said>, NoHeader> {
        let read_whole = read(bytes, bytes.len());
        read_whole.map(|(_, said)| said)
    }

    fn client(text: &str) -> Result<Option<Said>, NoHeader> {
        Ok(Some(Said::Client(text.parse().unwrap())))
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [BINARY, &[command, family], &length, rest].concat()
    }

    fn ipv4(more: &[u8]) -> Vec<u8> {
        [&[192, 0, 2, 7, 10, 0, 0, 1, 0xc0, 0x01, 0, 80], more].concat()
    }

    #[test]
    fn lines_of_version_1() {
        let line = |text: &str| said(format!("PROXY {text}\r\n").as_bytes());
        let tcp4 = "TCP4 192.0.2.7 10.0.0.1 49153 443";
        assert_eq!(line(tcp4), client("192.0.2.7:49153"));
        let tcp6 = "TCP6 2001:db8::7 ::1 1 65535";
        assert_eq!(line(tcp6), client("[2001:db8::7]:1"));
        assert_eq!(line("UNKNOWN"), Ok(Some(Said::NoClient)));
        assert_eq!(line("UNKNOWN ff ff 1 2"), Ok(Some(Said::NoClient)));
        for wrong in [
            "",
            "TCP4",
            "UNKNOWNX",
            "TCP4 192.0.2.7 10.0.0.1 49153",
            "TCP4 192.0.2.7 10.0.0.1 49153 443 1",
            "TCP4  192.0.2.7 10.0.0.1 49153 443",
            "TCP4 192.0.2.07 10.0.0.1 49153 443",
            "TCP4 192.0.2.7 10.0.0.1 +9 443",
            "TCP4 192.0.2.7 10.0.0.1 65536 443",
            "TCP4 2001:db8::7 ::1 1 2",
            "TCP6 192.0.2.7 10.0.0.1 1 2",
            "UDP4 192.0.2.7 10.0.0.1 1 2",
        ] {
            assert_eq!(line(wrong), Err(NoHeader), "{wrong}");
        }
        assert_eq!(said(b"PROXY UNKNOWN\n"), Err(NoHeader));
        let long = |n| [b"PROXY UNKNOWN ", &vec![b'f'; n][..], b"\r\n"].concat();
        assert_eq!(said(&long(107 - 16)), Ok(Some(Said::NoClient)));
        assert_eq!(said(&long(107 - 15)), Err(NoHeader));
    }

    #[test]
    fn headers_of_version_2() {
        let plain = version_2(0x21, 0x11, &ipv4(b""));
        assert_eq!(said(&plain), client("192.0.2.7:49153"));
        let types = [b"\x04\x01\x2c", &[0; 300][..]].concat();
        let with_types = version_2(0x21, 0x11, &ipv4(&types));
        assert_eq!(
            read(&with_types, 7),
            Ok((with_types.len(), client("192.0.2.7:49153").unwrap()))
        );
        let mut addresses = [0; 36];
        addresses[15] = 1;
        addresses[33] = 9;
        assert_eq!(said(&version_2(0x21, 0x21, &addresses)), client("[::1]:9"));
        for silent in [
            version_2(0x20, 0x00, b""),
            version_2(0x20, 0x11, &ipv4(b"")),
            version_2(0x20, 0xff, b"abc"),
            version_2(0x21, 0x00, b"abc"),
            version_2(0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(said(&silent), Ok(Some(Said::NoClient)), "{silent:?}");
        }
        for wrong in [
            version_2(0x11, 0x11, &ipv4(b"")),
            version_2(0x22, 0x11, &ipv4(b"")),
            version_2(0x21, 0x41, &ipv4(b"")),
            version_2(0x21, 0x13, &ipv4(b"")),
            version_2(0x21, 0x11, &ipv4(b"")[..11]),
            version_2(0x21, 0x21, &[0; 35]),
            version_2(0x21, 0x31, &[0; 215]),
        ] {
            assert_eq!(said(&wrong), Err(NoHeader), "{wrong:?}");
        }
    }

    #[test]
    fn other_beginnings_are_refused_at_the_first_byte_that_differs() {
        assert_eq!(read(b"POST / HTTP/1.1\r\n", 1), Err(NoHeader));
        assert_eq!(Parser::new().take(b"P"), Ok((1, None)));
        assert_eq!(Parser::new().take(b"PO"), Err(NoHeader));
        assert_eq!(Parser::new().take(b"\x16\x03\x01"), Err(NoHeader));
    }

    fn headers() -> impl Strategy<Value = Vec<u8>> {
        let binary = (
            any::<u8>(),
            any::<u8>(),
            prop::collection::vec(any::<u8>(), 0..400),
        )
            .prop_map(|(command, family, rest)| version_2(command, family, &rest));
        let address = (
            any::<[u8; 4]>(),
            any::<[u8; 4]>(),
            any::<[u8; 4]>(),
            0..600_u16,
        );
        let right = (0..=1_u8, address, prop::collection::vec(any::<u8>(), 0..99)).prop_map(
            |(command, (from, to, ports, _), types)| {
                let rest = [&from[..], &to, &ports, &types].concat();
                version_2(0x20 | command, 0x11, &rest)
            },
        );
        prop_oneof![
            binary,
            right,
            "PROXY [ -~]{0,110}\r\n".prop_map(String::into_bytes),
            "PROXY TCP4 [0-9.]{7,15} 10.0.0.1 [0-9]{1,6} 80\r\n".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..300),
        ]
    }

    proptest! {
        #[test]
        fn a_header_is_read_alike_however_it_is_cut(
            header in headers(),
            more in prop::collection::vec(any::<u8>(), 0..40),
            part in 1_usize..50,
        ) {
            let bytes = [&header[..], &more].concat();
            let whole = read(&bytes, bytes.len().max(1));
            prop_assert_eq!(read(&bytes, part), whole);
            if let Ok((taken, Some(_))) = whole {
                // Nothing beyond the header is taken.
                prop_assert_eq!(read(&bytes[..taken], part), whole);
                prop_assert!(taken <= FIXED + usize::from(u16::MAX));
            }
        }
    }
}
