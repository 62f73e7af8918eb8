//! Errors, and what an error of PostgreSQL means for the ledger.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::LedgerError;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The URL is none of PostgreSQL's.
    #[error("[ledger] url cannot be used")]
    Url(#[from] super::url::UrlError),
    /// The database cannot be reached, or refused something.
    #[error("the ledger in PostgreSQL cannot be opened")]
    Database(#[from] Fault),
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: at least 15 is needed")]
    OldServer {
        /// The version that the server tells.
        found: String,
    },
    /// The database keeps texts in another encoding.
    #[error("the database has the encoding {found}; a ledger needs UTF8")]
    Encoding {
        /// The encoding.
        found: String,
    },
    /// The server is one process that serves all connections one after another.
    #[error(
        "the server is PGlite ({found}), which has one session whatever connects; a ledger for \
         gateways needs a PostgreSQL server"
    )]
    OneSession {
        /// The version that the server tells.
        found: String,
    },
    /// Something between the gateway and the server shares sessions among clients.
    #[error(
        "a pooler stands before PostgreSQL and hands sessions to others between transactions; \
         connect to the server itself, or use a pool in session mode"
    )]
    Pooler,
    /// The server is a standby.
    #[error("the server is a standby and takes no writes; name the primary")]
    Standby,
    /// A newer gateway made the schema.
    #[error(
        "the database has schema version {found}, and this gateway knows up to {known}; use the \
         gateway that wrote it, or a newer one"
    )]
    Newer {
        /// The version that was found.
        found: i64,
        /// The newest version that this gateway knows.
        known: usize,
    },
    /// No slot is free.
    #[error("{most} gateways have this ledger open, and it takes no more")]
    Full {
        /// The most gateways.
        most: i64,
    },
    /// The connections cannot be protected.
    #[error("connections to the ledger in PostgreSQL cannot be protected")]
    Tls(#[from] super::tls::TlsError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The server refused, or the connection is lost.
    #[error("{}", told(.0))]
    Database(tokio_postgres::Error),
    /// A connection took too long.
    #[error("the database does not answer")]
    Slow,
    /// The server said something during a commit, so nobody knows whether the commit is where it
    /// should be.
    #[error("the commit is in doubt: {0}")]
    Noticed(Box<str>),
    /// A value that no version of the gateway writes.
    #[error("the database has a value that no gateway writes: {0}")]
    Value(Box<str>),
    /// All slots for gateways are taken.
    #[error("too many gateways have this ledger open")]
    Full,
    /// The leases of this gateway have ended, since the database did not hear of it in time.
    #[error("the database did not hear of this gateway in time, and its leases have ended")]
    Ended,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// The text of an error with that of its cause, since that of the driver is mostly `db error`.
fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => format!("{} ({})", db.message(), db.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

impl Fault {
    /// Whether the connection is of no use any more.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Database(error) => match error.code() {
                Some(code) => {
                    let class = &code.code()[..2];
                    matches!(class, "57" | "08") && *code != SqlState::QUERY_CANCELED
                }
                None => true,
            },
            Self::Noticed(_) | Self::Slow => true,
            Self::Value(_) | Self::Ended | Self::Full => false,
        }
    }

    /// Whether nothing can be written now, whatever is written.
    pub(crate) fn is_outage(&self) -> bool {
        let full = |error: &tokio_postgres::Error| {
            let code = error.code().map(SqlState::code);
            // Insufficient resources, a standby or a read-only session.
            code.is_some_and(|code| code.starts_with("53") || code == "25006")
        };
        self.is_lost() || matches!(self, Self::Database(error) if full(error))
    }

    /// The answer to a write that was not done.
    pub(crate) fn unavailable(&self) -> LedgerError {
        LedgerError::Unavailable(self.to_string().into())
    }

    /// The answer to a read that was not done.
    pub(crate) fn unreadable(&self) -> LedgerError {
        LedgerError::Unreadable(self.to_string().into())
    }
}
