//! Why a request is refused, for the operator.

use std::time::Duration;

use tollgate_base::json::NotJson;

/// Why a request is refused. Precise, and without a secret or an expected signature in it;
/// still meant for the operator alone: the sender reads a [`super::Answer`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A header that the scheme needs is absent.
    #[error("the `{header}` header is missing")]
    MissingHeader {
        /// Its name, in lower case.
        header: String,
    },
    /// A header that may come once came several times, so that it is unclear which counts.
    #[error("the `{header}` header comes {count} times")]
    RepeatedHeader {
        /// Its name.
        header: String,
        /// How often it came.
        count: usize,
    },
    /// A header with bytes that are no visible ASCII text.
    #[error("the `{header}` header is not plain text")]
    UnreadableHeader {
        /// Its name.
        header: String,
    },
    /// The signature is not written as the scheme writes it.
    #[error("the signature in `{place}` cannot be read: {why}")]
    MalformedSignature {
        /// The header or form field.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// No signature of a version that the scheme checks.
    #[error("`{place}` holds no signature named `{wanted}`")]
    NoKnownSignature {
        /// The header.
        place: String,
        /// The version or key that was looked for.
        wanted: String,
    },
    /// No signature matches under any secret.
    #[error("no signature matches: {signatures} in the request, {secrets} secret(s) configured")]
    SignatureMismatch {
        /// How many signatures were tried.
        signatures: usize,
        /// How many secrets were tried.
        secrets: usize,
    },
    /// Rightly signed, but under a secret that has expired: the provider has not gone over
    /// to the new one yet, or somebody has the old one.
    #[error("it is signed with secret {}, which expired {} s ago", .secret + 1, .ago.as_secs())]
    ExpiredSecret {
        /// Which one, from 0.
        secret: usize,
        /// How long ago it expired.
        ago: Duration,
    },
    /// An item of a batch is not signed as it should be.
    #[error("item {item} of the batch: {source}")]
    Item {
        /// Its place, from 0.
        item: usize,
        /// What is wrong with it.
        source: Box<Rejection>,
    },
    /// No timestamp where the scheme signs one.
    #[error("`{place}` holds no timestamp")]
    MissingTimestamp {
        /// The header.
        place: String,
    },
    /// A timestamp that is not a plain decimal number.
    #[error("the timestamp in `{place}` is not a plain decimal number")]
    MalformedTimestamp {
        /// The header.
        place: String,
    },
    /// Two timestamps that differ, so that it is unclear which one is signed.
    #[error("`{place}` holds several timestamps that differ")]
    ConflictingTimestamps {
        /// The header.
        place: String,
    },
    /// Rightly signed, but too long ago: perhaps a replay, perhaps a slow clock.
    #[error(
        "the timestamp is {} s old, more than the tolerance of {} s", .age.as_secs(), .tolerance.as_secs()
    )]
    TimestampTooOld {
        /// How old it is.
        age: Duration,
        /// How old it may be.
        tolerance: Duration,
    },
    /// Rightly signed, but with a time to come: a clock is wrong.
    #[error(
        "the timestamp is {} s in the future, more than the tolerance of {} s", .ahead.as_secs(), .tolerance.as_secs()
    )]
    TimestampInFuture {
        /// How far ahead it is.
        ahead: Duration,
        /// How far ahead it may be.
        tolerance: Duration,
    },
    /// The body is not what the scheme's bodies are.
    #[error("the body cannot be read: {why}")]
    MalformedBody {
        /// What is wrong with it.
        why: String,
    },
    /// The body lacks what every event of the scheme has.
    #[error("the body has no {what} (looked for in {place})")]
    MissingField {
        /// What is missing, such as `event id`.
        what: &'static str,
        /// Where it should be.
        place: String,
    },
    /// The key that the request names has to be fetched first. Not the sender's fault.
    #[error(
        "it is signed with the key `{}`, which the gateway fetches; give it as a secret to check \
         without a network", .id.escape_default()
    )]
    KeyNeeded {
        /// Its name, as the request has it.
        id: String,
    },
    /// The certificate or key that the request names may not be used.
    #[error("the key that the request is signed with cannot be used: {why}")]
    UntrustedKey {
        /// Why not.
        why: String,
    },
}

impl Rejection {
    /// The same of one item of a batch.
    pub(super) fn of_item(self, item: usize) -> Self {
        Self::Item {
            item,
            source: Box::new(self),
        }
    }

    /// A short name that stays the same, to count by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing_header",
            Self::RepeatedHeader { .. } => "repeated_header",
            Self::UnreadableHeader { .. } => "unreadable_header",
            Self::MalformedSignature { .. } => "malformed_signature",
            Self::NoKnownSignature { .. } => "no_known_signature",
            Self::SignatureMismatch { .. } => "signature_mismatch",
            Self::ExpiredSecret { .. } => "expired_secret",
            Self::Item { source, .. } => source.code(),
            Self::MissingTimestamp { .. } => "missing_timestamp",
            Self::MalformedTimestamp { .. } => "malformed_timestamp",
            Self::ConflictingTimestamps { .. } => "conflicting_timestamps",
            Self::TimestampTooOld { .. } => "timestamp_too_old",
            Self::TimestampInFuture { .. } => "timestamp_in_future",
            Self::MalformedBody { .. } => "malformed_body",
            Self::MissingField { .. } => "missing_field",
            Self::KeyNeeded { .. } => "key_needed",
            Self::UntrustedKey { .. } => "untrusted_key",
        }
    }
}

impl From<NotJson> for Rejection {
    fn from(error: NotJson) -> Self {
        Self::MalformedBody {
            why: error.to_string(),
        }
    }
}
