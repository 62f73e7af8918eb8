//! How a command ends that fails.

use std::io;

use tollgate_ledger::FindError;

use super::exit::{Exit, NotFound, Unusable};
use super::gateway::{ClientError, NoGateway};

/// What an error means.
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
    let broken = error.downcast_ref::<io::Error>();
    if broken.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return Exit::BrokenPipe;
    }
    match error.downcast_ref() {
        Some(ClientError::Unreachable { .. }) => return Exit::Unreachable,
        Some(ClientError::Refused { status: 404, .. }) => return Exit::NotFound,
        Some(ClientError::Refused { .. } | ClientError::InvalidAnswer { .. }) | None => {}
    }
    if error.is::<NoGateway>() {
        return Exit::Unreachable;
    }
    let is_unknown = matches!(error.downcast_ref(), Some(FindError::Unknown(_)));
    if is_unknown || error.is::<NotFound>() {
        return Exit::NotFound;
    }
    match error.is::<Unusable>() {
        true => Exit::NotTried,
        false => Exit::Failed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::cli::exit::found;

    #[test]
    fn errors_lead_to_codes_through_their_context() {
        let refused = |status| {
            let message = String::new();
            anyhow::Error::from(ClientError::Refused { status, message })
        };
        let unreachable = ClientError::Unreachable {
            address: String::new(),
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        let named = || FindError::Unknown("019a".to_owned());
        for (error, exit) in [
            (anyhow!("anything"), Exit::Failed),
            (refused(409), Exit::Failed),
            (refused(404).context("an import"), Exit::NotFound),
            (unreachable.into(), Exit::Unreachable),
            (NoGateway.into(), Exit::Unreachable),
            (named().into(), Exit::NotFound),
            (found(None::<()>, String::new).unwrap_err(), Exit::NotFound),
            (Unusable::because("name one"), Exit::NotTried),
            (
                io::Error::from(io::ErrorKind::BrokenPipe).into(),
                Exit::BrokenPipe,
            ),
        ] {
            assert_eq!(exit_of(&error), exit, "{error:#}");
        }
    }
}
