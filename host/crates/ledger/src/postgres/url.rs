//! The URL of a database: `postgres://user:password@host:port/database?option=value`.
//!
//! The options are those of libpq that the driver knows, with two of our own reading: `sslmode`
//! (`disable`, `require`, `verify-full`) and `sslrootcert`. Without `sslmode`, a server that is not
//! on this machine must show a certificate for its name.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::config::{Config, Host, SslMode};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the network may swallow what was sent before a connection counts as lost.
const UNHEARD: Duration = Duration::from_secs(30);

/// Why a URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    /// The driver cannot read the URL. Its text may hold the password, so the reason alone is told.
    #[error("is no URL of PostgreSQL: {0}")]
    Unreadable(Box<str>),
    /// An unknown mode.
    #[error("`sslmode={0}` is unknown: use `disable`, `require` or `verify-full`")]
    Mode(Box<str>),
    /// The URL names no database.
    #[error("names no database: postgres://user@host/database")]
    NoDatabase,
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Not at all.
    None,
    /// Against those who only listen: any certificate will do.
    Encrypted,
    /// The server's certificate must be for its name, by these authorities or by the system's.
    Verified(Option<PathBuf>),
}

/// A database that can be connected to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) protection: Protection,
}

impl Target {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        let (url, mode, authorities) = own_options(url);
        let mut config =
            Config::from_str(&url).map_err(|error| UrlError::Unreadable(cause(&error).into()))?;
        if config.get_dbname().is_none() {
            return Err(UrlError::NoDatabase);
        }
        let protection = match mode.as_deref() {
            None if is_local(&config) => Protection::None,
            None | Some("verify-full") => Protection::Verified(authorities.map(PathBuf::from)),
            Some("disable") => Protection::None,
            Some("require") => Protection::Encrypted,
            Some(other) => return Err(UrlError::Mode(other.into())),
        };
        config
            .ssl_mode(match protection {
                Protection::None => SslMode::Disable,
                _ => SslMode::Require,
            })
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNHEARD)
            .keepalives_idle(UNHEARD);
        if config.get_application_name().is_none() {
            config.application_name("tollgate");
        }
        // A role may have other values, and the guarantees rest on these.
        let options = config.get_options().unwrap_or_default().to_owned();
        config.options(format!(
            "{options} -c synchronous_commit=on -c client_min_messages=warning \
             -c default_transaction_isolation=read\\ committed -c statement_timeout=0 \
             -c lock_timeout=0 -c idle_in_transaction_session_timeout=60000 -c TimeZone=UTC"
        ));
        Ok(Self { config, protection })
    }
}

/// Takes the options out of a URL that the driver is not to read.
fn own_options(url: &str) -> (String, Option<String>, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None, None);
    };
    let (mut mode, mut authorities, mut rest) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => authorities = Some(value.to_owned()),
            _ => rest.push(pair),
        }
    }
    let url = match rest.is_empty() {
        true => base.to_owned(),
        false => format!("{base}?{}", rest.join("&")),
    };
    (url, mode, authorities)
}

fn cause(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(url: &str) -> Protection {
        Target::parse(url).unwrap().protection
    }

    #[test]
    fn a_server_elsewhere_must_show_its_certificate() {
        assert_eq!(protection("postgres://a@localhost/b"), Protection::None);
        assert_eq!(protection("postgres://a@127.0.0.1:9/b"), Protection::None);
        let verified = Protection::Verified(None);
        assert_eq!(protection("postgres://a@db.example.com/b"), verified);
        assert_eq!(protection("postgres://a@localhost,db/b"), verified);
        let own = protection("postgres://a@db/b?sslrootcert=/ca.pem&application_name=x");
        assert_eq!(own, Protection::Verified(Some("/ca.pem".into())));
        assert_eq!(
            protection("postgres://a@db/b?sslmode=disable"),
            Protection::None
        );
        let encrypted = protection("postgres://a@db/b?sslmode=require");
        assert_eq!(encrypted, Protection::Encrypted);
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for url in [
            "postgres://a:secret@db",
            "postgres://a:secret@db/b?sslmode=prefer",
            "postgres://a:secret@db/b?unknown=1",
            "postgres://a:secret@db:port/b",
        ] {
            let Err(error) = Target::parse(url) else {
                panic!("{url}");
            };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
