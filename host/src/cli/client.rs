//! Asking a running gateway, over its admin API.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::environment;
use crate::generation::reload::read_manifest;
use crate::settings::Manifest;
use tollgate_base::secret::Secret;
use tollgate_ledger::{self, LedgerUrl, ReadLedger};

/// How long a connection may take to be made: the listener is on this machine or near it.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take. Calls do a bounded amount of work each.
const ANSWER: Duration = Duration::from_secs(60);

/// An answer is longer than this only if something else answers.
const LONGEST: u64 = 64 << 20;

/// Which gateway is meant.
#[derive(Debug, Args)]
pub(super) struct GatewayArgs {
    /// The manifest, which names the admin address and the ledger.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    pub(super) manifest: PathBuf,
    /// The admin service, if not the manifest's, such as `http://10.0.0.5:8081`.
    #[arg(long)]
    url: Option<String>,
    /// The admin token, if not the manifest's.
    #[arg(long, env = "TOLLGATE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Where answers come from.
pub(super) enum Side {
    /// A gateway that runs.
    Gateway(Client),
    /// The ledger, since no gateway answers.
    Ledger(Box<(Arc<dyn ReadLedger>, Manifest)>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nothing listens there.
    #[error("no gateway answers at {address}: {source}")]
    Absent {
        address: String,
        #[source]
        source: std::io::Error,
    },
    /// What listens there does not answer as a gateway does.
    #[error("the answer of {address} cannot be read: {why}")]
    Garbled { address: String, why: String },
    /// It refuses.
    #[error("the gateway answers {status}: {message}")]
    Refused { status: u16, message: String },
}

impl GatewayArgs {
    /// The gateway that runs or, unless it was named by its address, its ledger.
    pub(super) fn find(&self) -> anyhow::Result<Side> {
        if self.url.is_some() {
            return Ok(Side::Gateway(self.client(None)?));
        }
        let manifest = self.read_manifest()?;
        let client = self.client(Some(&manifest))?;
        match client.connect() {
            Ok(_) => Ok(Side::Gateway(client)),
            Err(_) => {
                let reader = tollgate_ledger::open_to_read(&LedgerUrl::Sqlite(
                    manifest.ledger.path.clone(),
                ))?;
                Ok(Side::Ledger(Box::new((reader, manifest))))
            }
        }
    }

    /// The manifest that the arguments name.
    pub(super) fn read_manifest(&self) -> anyhow::Result<Manifest> {
        Ok(read_manifest(&self.manifest, &environment())?.manifest)
    }

    /// The token that the arguments give.
    pub(super) fn token(&self) -> Option<Secret> {
        self.token
            .as_ref()
            .map(|token| Secret::new(token.as_bytes()))
    }

    fn client(&self, manifest: Option<&Manifest>) -> anyhow::Result<Client> {
        let token = self
            .token()
            .or_else(|| manifest.and_then(|manifest| manifest.admin_token.clone()));
        match (&self.url, manifest) {
            (Some(url), _) => Client::at_url(url, token),
            (None, Some(manifest)) => Ok(Client::at(manifest.server.admin, token)),
            (None, None) => bail!("name a manifest or a URL"),
        }
    }
}

/// Speaks to one gateway, a connection for each call.
pub(super) struct Client {
    /// Host and port, as the `Host` header names them.
    authority: String,
    token: Option<Secret>,
}

impl Client {
    /// For the admin service at this address; one that listens everywhere is asked here.
    pub(super) fn at(mut address: SocketAddr, token: Option<Secret>) -> Self {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        Self {
            authority: address.to_string(),
            token,
        }
    }

    fn at_url(url: &str, token: Option<Secret>) -> anyhow::Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            bail!("`--url` is `http://HOST:PORT`, without a path; the admin service has no TLS");
        }
        let authority = uri.authority().context("the URL names no host")?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            token,
        })
    }

    /// What stands at a path.
    pub(super) fn get<T: DeserializeOwned>(
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

    /// Has something done.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        self.call("POST", path, Some(body))
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<T, ClientError> {
        let answer = self.exchange(method, target, body)?;
        let garbled = |why: String| self.garbled(why);
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or_else(|| garbled("it has no end of headers".into()))?;
        let head = String::from_utf8_lossy(&answer[..end]);
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| garbled("it is no HTTP/1.1".into()))?;
        let body = &answer[end + 4..];
        if status == 200 {
            return serde_json::from_slice(body).map_err(|error| garbled(error.to_string()));
        }
        let message = match serde_json::from_slice::<Value>(body) {
            Ok(value) => value["error"].as_str().unwrap_or_default().to_owned(),
            Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
        };
        Err(ClientError::Refused { status, message })
    }

    /// Sends a request and reads until the gateway closes.
    fn exchange(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut stream = self.connect()?;
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
        let mut answer = Vec::new();
        stream
            .write_all(&request)
            .and_then(|()| stream.take(LONGEST).read_to_end(&mut answer))
            .map_err(|error| self.garbled(error.to_string()))?;
        Ok(answer)
    }

    fn connect(&self) -> Result<TcpStream, ClientError> {
        let absent = |source| ClientError::Absent {
            address: self.authority.clone(),
            source,
        };
        let mut last = std::io::ErrorKind::NotFound.into();
        for address in self.authority.to_socket_addrs().map_err(absent)? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(ANSWER)).map_err(absent)?;
                    stream.set_write_timeout(Some(ANSWER)).map_err(absent)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(absent(last))
    }

    fn garbled(&self, why: String) -> ClientError {
        ClientError::Garbled {
            address: self.authority.clone(),
            why,
        }
    }
}

/// Percent-encodes all but unreserved characters.
pub(super) fn encode(text: &str) -> String {
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
