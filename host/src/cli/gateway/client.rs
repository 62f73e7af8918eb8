//! A client of the admin API.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_base::secret::Secret;
use tollgate_ledger::{ListOrder, Listed, Page};

use super::error::{AnswerError, ClientError, refused};
use super::lines::LineStream;
use crate::cli::exit::Unusable;

/// The longest time to make a connection. The listener is on this machine or near it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time for an answer. Each call does a bounded amount of work.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest answer, in bytes. No answer of a gateway is longer.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A client of one gateway. It makes a connection for each call.
pub(in crate::cli) struct Client {
    /// Host and port, as in the `Host` header.
    authority: String,
    token: Option<Secret>,
}

impl Client {
    /// The client for the admin service that listens at this address.
    pub(in crate::cli) fn at(address: SocketAddr, token: Option<Secret>) -> Self {
        Self {
            authority: reachable(address).to_string(),
            token,
        }
    }

    /// The client for the admin service at this URL.
    pub(super) fn at_url(url: &str, token: Option<Secret>) -> anyhow::Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            return Err(Unusable::because(
                "`--url` is `http://HOST:PORT` without a path; the admin service has no TLS",
            ));
        }
        let authority = uri.authority().context("the URL has no host")?;
        let port = port_of(authority)?.unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            token,
        })
    }

    /// Whether something listens at the address.
    pub(super) fn answers(&self) -> bool {
        self.connect().is_ok()
    }

    /// The resource at a path.
    pub(in crate::cli) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let mut target = path.to_owned();
        for (n, (name, value)) in query.iter().enumerate() {
            target.push(if n == 0 { '?' } else { '&' });
            target.push_str(&format!("{name}={}", encode(value)));
        }
        self.call("GET", &target, None)
    }

    /// A page of the list at a path. `filter` is the query of the list's filter.
    pub(in crate::cli) fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: Vec<(&str, String)>,
        page: &Page,
    ) -> Result<Listed<T>, ClientError> {
        let mut query = filter;
        query.push(("limit", page.limit.to_string()));
        query.extend(page.after.iter().map(|after| ("after", after.to_string())));
        if page.order == ListOrder::Oldest {
            query.push(("order", "oldest".to_owned()));
        }
        self.get(path, &query)
    }

    /// The result of an operation.
    pub(in crate::cli) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        self.call("POST", path, Some(body))
    }

    /// The error that an answer cannot be read.
    pub(in crate::cli) fn invalid(&self, source: AnswerError) -> ClientError {
        ClientError::InvalidAnswer {
            address: self.authority.clone(),
            source,
        }
    }

    /// The lines of an answer that comes bit by bit.
    pub(in crate::cli) async fn lines(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<LineStream, ClientError> {
        LineStream::open(&self.authority, self.token.as_ref(), path, body).await
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<T, ClientError> {
        let mut stream = self.connect()?;
        let invalid = |source| self.invalid(source);
        let answer = self
            .exchange(&mut stream, method, target, body)
            .map_err(|error| invalid(error.into()))?;
        let (status, body) = split(&answer).map_err(invalid)?;
        if status == 200 {
            return serde_json::from_slice(body).map_err(|error| invalid(error.into()));
        }
        Err(refused(status, body))
    }

    /// Sends a request and reads until the gateway closes the connection.
    fn exchange(
        &self,
        stream: &mut TcpStream,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> std::io::Result<Vec<u8>> {
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.authority
        )
        .into_bytes();
        if let Some(token) = &self.token {
            request.extend(b"authorization: Bearer ");
            request.extend(token.expose());
            request.extend(b"\r\n");
        }
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            let length = body.len();
            request.extend(
                format!("content-type: application/json\r\ncontent-length: {length}\r\n")
                    .as_bytes(),
            );
        }
        request.extend(b"\r\n");
        request.extend(body.unwrap_or_default().as_bytes());
        stream.write_all(&request)?;
        let mut answer = Vec::new();
        stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn connect(&self) -> Result<TcpStream, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            address: self.authority.clone(),
            source,
        };
        let mut last = std::io::ErrorKind::NotFound.into();
        for address in self.authority.to_socket_addrs().map_err(unreachable)? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    let timeout = Some(ANSWER_TIMEOUT);
                    stream.set_read_timeout(timeout).map_err(unreachable)?;
                    stream.set_write_timeout(timeout).map_err(unreachable)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

/// Splits an answer into its status and its body.
fn split(answer: &[u8]) -> Result<(u16, &[u8]), AnswerError> {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or(AnswerError::NoEndOfHeaders)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or(AnswerError::NotHttp)?;
    Ok((status, &answer[end + 4..]))
}

/// The address at which this machine reaches a listener. An address of all interfaces stands for
/// loopback.
pub(in crate::cli) fn reachable(mut listener: SocketAddr) -> SocketAddr {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    listener
}

/// The port of an authority, if it has one.
///
/// # Errors
/// The port is none that an address can have. `Authority::port` would say that there is none, and
/// the default port is another listener's.
pub(in crate::cli) fn port_of(authority: &http::uri::Authority) -> anyhow::Result<Option<u16>> {
    let text = authority.as_str();
    let place = text.rsplit_once('@').map_or(text, |(_, place)| place);
    if place == authority.host() {
        return Ok(None);
    }
    let port = authority.port_u16();
    let wrong = || format!("the port of `{place}` is none: a port is a number up to 65535");
    port.map(Some).with_context(wrong)
}

/// Percent-encodes all characters except the unreserved characters of RFC 3986.
pub(in crate::cli) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_origins() {
        let authority = |url| Client::at_url(url, None).map(|client| client.authority);
        assert_eq!(authority("http://10.0.0.5:8081").unwrap(), "10.0.0.5:8081");
        assert_eq!(authority("http://[::1]:8081/").unwrap(), "[::1]:8081");
        for wrong in ["https://a:1", "http://a:1/api", "10.0.0.5", "a:8081"] {
            assert!(authority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gateway_that_listens_everywhere_is_asked_here() {
        let authority = |text: &str| Client::at(text.parse().unwrap(), None).authority;
        assert_eq!(authority("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(authority("[::]:8081"), "[::1]:8081");
        assert_eq!(authority("10.0.0.5:8081"), "10.0.0.5:8081");
    }

    #[test]
    fn what_stands_in_a_query_is_encoded() {
        assert_eq!(encode("handler:a b*&"), "handler%3Aa%20b%2A%26");
    }
}
