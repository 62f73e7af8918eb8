//! What the values of a manifest can do: match, contain, compare.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use super::{EventPattern, Network, Origin, RetryPolicy, Route};
use crate::event::SourceName;

impl EventPattern {
    /// A pattern in which `*` stands for any characters, dots too, or none; every other
    /// character stands for itself.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of this type is meant. Takes time in proportion to the product
    /// of both lengths at most.
    pub fn matches(&self, kind: &str) -> bool {
        let (pattern, kind) = (self.0.as_bytes(), kind.as_bytes());
        let (mut p, mut k) = (0, 0);
        // Where to go on if what follows the last star does not fit here: the star only
        // has to swallow one more byte, since an earlier star can gain nothing.
        let mut star: Option<(usize, usize)> = None;
        while k < kind.len() {
            if pattern.get(p) == Some(&b'*') {
                star = Some((p + 1, k));
                p += 1;
            } else if pattern.get(p) == Some(&kind[k]) {
                p += 1;
                k += 1;
            } else if let Some((after, swallowed)) = star {
                star = Some((after, swallowed + 1));
                p = after;
                k = swallowed + 1;
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Route {
    /// Whether an event of this source and type takes this route, as far as its payload
    /// does not decide: [`Route::filter`] must hold too.
    pub fn matches(&self, source: &SourceName, kind: &str) -> bool {
        self.source == *source && self.events.iter().any(|pattern| pattern.matches(kind))
    }
}

impl RetryPolicy {
    /// How long to wait after `attempts_made` attempts (counted from 1) before the next.
    ///
    /// The delay grows as first · factorⁿ⁻¹ up to `max`. From that, `random` (at least 0,
    /// less than 1) chooses evenly between a share of `jitter` less and as much more, but
    /// not more than `max`: so delays that have reached `max` are spread below it.
    /// Whether another attempt is due at all is for the caller to compare with `attempts`.
    pub fn delay(&self, attempts_made: u32, random: f64) -> Duration {
        let max = self.max.as_secs_f64();
        let exponent = i32::try_from(attempts_made.saturating_sub(1)).unwrap_or(i32::MAX);
        // An overflow becomes infinite and is capped like any other large delay.
        let delay = (self.first.as_secs_f64() * self.factor.powi(exponent)).min(max);
        let least = delay * (1.0 - self.jitter);
        let most = (delay * (1.0 + self.jitter)).min(max);
        Duration::try_from_secs_f64(least + (most - least) * random.clamp(0.0, 1.0))
            .unwrap_or(self.max)
            .min(self.max)
    }

    /// Whether what will be of this age at the next attempt is too old for it.
    pub fn too_old(&self, age: Duration) -> bool {
        self.total.is_some_and(|total| age > total)
    }
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

    /// The host, if it is an address rather than a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
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

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash, or alone, is no IP address.
    #[error("is not an IP address or a network such as 10.0.0.0/8")]
    Address,
    /// What stands behind the slash is no number that fits the address.
    #[error("has a prefix that is not between 0 and {most}")]
    Prefix {
        /// 32 or 128.
        most: u8,
    },
}

impl Network {
    /// The network of this address alone.
    pub fn single(address: IpAddr) -> Self {
        Self {
            address,
            prefix: bits(address),
        }
    }

    /// Whether the address lies in this network. An IPv4 address is the same whether it
    /// comes bare or mapped into IPv6 (`::ffff:10.0.0.1`), here and there.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (network, prefix) = self.canonical();
        match (network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same(
                network.to_bits().into(),
                address.to_bits().into(),
                32,
                prefix,
            ),
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same(network.to_bits(), address.to_bits(), 128, prefix)
            }
            _ => false,
        }
    }

    /// A network of IPv4-mapped addresses as the IPv4 network that it is. One that is
    /// wider than the mapped range stays as it is.
    fn canonical(&self) -> (IpAddr, u8) {
        match (self.address, self.address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if self.prefix >= 96 => {
                (mapped, self.prefix - 96)
            }
            (address, _) => (address, self.prefix),
        }
    }
}

/// Whether the leading `prefix` of `width` bits are the same.
fn same(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let rest = width.saturating_sub(prefix.into());
    a.checked_shr(rest) == b.checked_shr(rest)
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `10.0.0.0/8`, `fd00::/8` or an address alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let most = bits(address);
        let prefix = match prefix {
            None => most,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= most && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or(NetworkError::Prefix { most })?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests;
