//! The kinds of reasons why a request had no answer.

use std::error::Error;
use std::io;

use super::connect::ConnectError;

/// A kind of reason why a request had no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The address is not admitted.
    Prohibited,
    /// The host's name has no address.
    Unresolved,
    /// No address took the connection.
    Refused,
    /// TLS failed.
    Tls,
    /// Anything else.
    Other,
}

impl Failure {
    /// The kind of an error of a client.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut source = Some(error);
        while let Some(error) = source {
            if let Some(kind) = Self::of_one(error) {
                return kind;
            }
            source = error.source();
        }
        Self::Other
    }

    fn of_one(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return Some(match error {
                ConnectError::NotAdmitted { .. } | ConnectError::OtherOrigin(_) => Self::Prohibited,
                ConnectError::Unresolved { .. } | ConnectError::NoAddress(_) => Self::Unresolved,
                ConnectError::Refused { .. } => Self::Refused,
            });
        }
        if error.is::<rustls::Error>() {
            return Some(Self::Tls);
        }
        // An `io::Error` names the source of the error that it carries, and not that error.
        let carried = error.downcast_ref::<io::Error>()?.get_ref()?;
        carried.is::<rustls::Error>().then_some(Self::Tls)
    }
}
