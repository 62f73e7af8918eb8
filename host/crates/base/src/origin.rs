//! Origins: scheme, host and port of a URL, in the one form in which they are compared.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;

use http::Uri;

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is `https`.
    pub https: bool,
    /// The host in lower case; an IPv6 address without its brackets.
    pub host: String,
    /// The port, the scheme's default when the URL names none.
    pub port: u16,
}

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No URL at all, or one without a scheme or a host.
    #[error("is not a URL of the form https://host or https://host:port")]
    Invalid,
    /// Neither `http` nor `https`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// A user name or password before the host.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// A host that is neither an address nor a DNS name.
    #[error("has a host that is neither an address nor a DNS name")]
    Host,
    /// A port that is 0, empty or above 65535.
    #[error("has a port that is not between 1 and 65535")]
    Port,
    /// A path, query or fragment behind the port.
    #[error("must end after the host and port: no path, query or fragment")]
    Path,
}

impl Origin {
    /// Reads an origin: a URL with scheme, host and possibly port, and nothing else but
    /// possibly the slash of an empty path.
    ///
    /// # Errors
    /// Says what about the text is wrong.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        // `Uri` drops a fragment silently.
        if text.contains('#') {
            return Err(OriginError::Path);
        }
        let uri: Uri = text.parse().map_err(|_| OriginError::Invalid)?;
        let origin = Self::of(&uri)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(OriginError::Path);
        }
        Ok(origin)
    }

    /// The origin of an absolute URL in text form.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn of_url(url: &str) -> Result<Self, OriginError> {
        Self::of(&url.parse().map_err(|_| OriginError::Invalid)?)
    }

    /// The origin of an absolute URL.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(OriginError::Scheme),
            None => return Err(OriginError::Invalid),
        };
        let authority = uri.authority().ok_or(OriginError::Invalid)?;
        if authority.as_str().contains('@') {
            return Err(OriginError::UserInfo);
        }
        let host = host(authority.host())?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => default_port(https),
            Some(port) => match port.strip_prefix(':').map(u16::from_str) {
                Some(Ok(port)) if port > 0 => port,
                _ => return Err(OriginError::Port),
            },
            None => return Err(OriginError::Invalid),
        };
        Ok(Self { https, host, port })
    }

    /// Host and port, whatever the scheme: `api.example.com:443`, `[::1]:9000`.
    pub fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// The host, if it is an address rather than a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether the host is `localhost` or a name below it.
    pub fn is_localhost(&self) -> bool {
        let host = self.host.strip_suffix('.').unwrap_or(&self.host);
        host == "localhost" || host.ends_with(".localhost")
    }
}

impl fmt::Display for Origin {
    /// As in a URL; the port only where it is not the scheme's default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != default_port(self.https) {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// The host in the one form in which hosts are compared.
fn host(written: &str) -> Result<String, OriginError> {
    if let Some(address) = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address: Ipv6Addr = address.parse().map_err(|_| OriginError::Host)?;
        return Ok(address.to_string());
    }
    let host = written.to_ascii_lowercase();
    if host.parse::<Ipv4Addr>().is_ok() {
        return Ok(host);
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // Resolvers take `127.1`, `0x7f.1` and `2130706433` for addresses; a name's last
    // label is never a number.
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    if host.len() > 253 || numeric || !host.split('.').all(label) {
        return Err(OriginError::Host);
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn origins_show_as_they_read(text in "https?://[a-z0-9.\\[\\]:]{1,20}") {
            if let Ok(origin) = Origin::parse(&text) {
                prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
            }
        }
    }

    #[test]
    fn origins_are_normalised() {
        for (text, https, host, port, shown) in [
            (
                "https://crm.example.com",
                true,
                "crm.example.com",
                443,
                "https://crm.example.com",
            ),
            (
                "https://CRM.Example.com/",
                true,
                "crm.example.com",
                443,
                "https://crm.example.com",
            ),
            (
                "http://localhost:9000",
                false,
                "localhost",
                9000,
                "http://localhost:9000",
            ),
            ("HTTPS://a:443", true, "a", 443, "https://a"),
            ("http://a:443", false, "a", 443, "http://a:443"),
            (
                "http://127.0.0.1:80",
                false,
                "127.0.0.1",
                80,
                "http://127.0.0.1",
            ),
            (
                "https://[::1]:8443",
                true,
                "::1",
                8443,
                "https://[::1]:8443",
            ),
            (
                "https://[2001:DB8:0:0::1]",
                true,
                "2001:db8::1",
                443,
                "https://[2001:db8::1]",
            ),
        ] {
            let origin = Origin::parse(text).expect(text);
            assert_eq!(
                (origin.https, origin.host.as_str(), origin.port),
                (https, host, port)
            );
            assert_eq!(origin.to_string(), shown);
        }
    }

    #[test]
    fn other_origins_are_refused() {
        use OriginError::{Host, Invalid, Path, Port, Scheme, UserInfo};
        for (text, error) in [
            ("", Invalid),
            ("crm.example.com", Invalid),
            ("/path", Invalid),
            ("https://", Invalid),
            ("ftp://a", Scheme),
            ("https://user@a", UserInfo),
            ("https://user:word@a", UserInfo),
            ("https://a/path", Path),
            ("https://a?q", Path),
            ("https://a#f", Path),
            ("https://a:0", Port),
            ("https://a:", Port),
            ("https://127.1", Host),
            ("https://0x7f.0x1", Host),
            ("https://2130706433", Host),
            ("https://256.1.1.1", Host),
            ("https://a..b", Host),
            ("https://a.", Host),
            ("https://*.example.com", Host),
            ("https://[::g]", Host),
        ] {
            assert_eq!(Origin::parse(text), Err(error), "{text}");
        }
        assert!(Origin::parse("https://a:65536").is_err());
        assert!(Origin::parse("https://bücher.example").is_err());
    }
}
