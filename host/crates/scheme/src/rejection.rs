//! Why a request is refused, for the operator.

use std::time::Duration;

use tollgate_base::event::UNREADABLE;
use tollgate_base::json::NotJson;

/// Why a request is refused. The message never holds a secret or an expected signature. Even so, it
/// is for the operator alone: the sender gets an [`Answer`](super::Answer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A header that the scheme needs is absent.
    #[error("the `{header}` header is missing")]
    MissingHeader {
        /// The name of the header, in lower case.
        header: String,
    },
    /// A header came several times, so that it is unclear which value counts.
    #[error("the `{header}` header comes {count} times")]
    RepeatedHeader {
        /// The name of the header.
        header: String,
        /// The number of times that the header came.
        count: usize,
    },
    /// A header has bytes that are not visible ASCII.
    #[error("the `{header}` header is not plain text")]
    UnreadableHeader {
        /// The name of the header.
        header: String,
    },
    /// The signature is not written in the form of the scheme.
    #[error("the signature in `{place}` cannot be read: {why}")]
    MalformedSignature {
        /// The header or form field.
        place: String,
        /// The mistake.
        why: String,
    },
    /// The request has no signature of a version that the scheme checks.
    #[error("`{place}` holds no signature named `{wanted}`")]
    NoKnownSignature {
        /// The header.
        place: String,
        /// The version or key that the scheme checks.
        wanted: String,
    },
    /// No signature matches under any secret.
    #[error("no signature matches: {signatures} in the request, {secrets} secret(s) configured")]
    SignatureMismatch {
        /// The number of signatures in the request.
        signatures: usize,
        /// The number of secrets of the source.
        secrets: usize,
    },
    /// The signature is valid under an expired secret: the provider does not use the new secret
    /// yet, or an attacker has the old one.
    #[error("the request is signed with secret {}, which expired {} s ago", .secret + 1, .ago.as_secs())]
    ExpiredSecret {
        /// The index of the secret.
        secret: usize,
        /// The time since the secret expired.
        ago: Duration,
    },
    /// An item of a batch is refused, and so is the whole batch.
    #[error("item {item} of the batch: {why}")]
    Item {
        /// The index of the item.
        item: usize,
        /// Why the item is refused.
        why: Box<Rejection>,
    },
    /// The timestamp that the scheme signs is absent.
    #[error("`{place}` holds no timestamp")]
    MissingTimestamp {
        /// The header.
        place: String,
    },
    /// The timestamp is not a plain decimal number.
    #[error("the timestamp in `{place}` is not a plain decimal number")]
    MalformedTimestamp {
        /// The header.
        place: String,
    },
    /// Two timestamps differ, so that it is unclear which one is signed.
    #[error("`{place}` holds several timestamps that differ")]
    ConflictingTimestamps {
        /// The header.
        place: String,
    },
    /// The signature is valid, but too old: the request is a replay, or a clock is wrong.
    #[error(
        "the timestamp is {} s old, more than the tolerance of {} s", .age.as_secs(), .tolerance.as_secs()
    )]
    TimestampTooOld {
        /// The age of the timestamp.
        age: Duration,
        /// The greatest age.
        tolerance: Duration,
    },
    /// The signature is valid, but from the future: a clock is wrong.
    #[error(
        "the timestamp is {} s in the future, more than the tolerance of {} s", .ahead.as_secs(), .tolerance.as_secs()
    )]
    TimestampInFuture {
        /// The distance of the timestamp.
        ahead: Duration,
        /// The greatest distance.
        tolerance: Duration,
    },
    /// The body is not in the form of the scheme.
    #[error("the body cannot be read: {why}")]
    MalformedBody {
        /// The mistake.
        why: String,
    },
    /// The body lacks a field that every event of the scheme has.
    #[error("the body has no {what} (looked for in {place})")]
    MissingField {
        /// The field, such as `event id`.
        what: &'static str,
        /// The place where the field should be.
        place: String,
    },
    /// A value is not the one that the source expects: the request is for somebody else.
    #[error(
        "{place} is not the `{setting}` of the source: the request is for somebody else, or names another key"
    )]
    Unexpected {
        /// The place of the value.
        place: String,
        /// The setting with the expected value.
        setting: String,
    },
    /// The type of the event is the word for events that cannot be read.
    #[error("the event's type is `{UNREADABLE}`, which is the word for events that cannot be read")]
    ReservedType,
    /// The gateway must fetch the key that the request names first. This is no fault of the sender.
    #[error(
        "the request is signed with the key `{}`, which the gateway fetches; give the key as a \
         secret to check without a network", .id.escape_default()
    )]
    KeyNeeded {
        /// The name of the key in the request.
        id: String,
    },
    /// The signature is valid, but the request is meant for another account or app.
    #[error("the request is meant for another: its {what} is `{}`", .found.escape_default())]
    OtherRecipient {
        /// The name that differs, such as `bundle id`.
        what: &'static str,
        /// The name in the request. Empty if the request names none.
        found: String,
    },
    /// The certificate or key that the request names must not be used.
    #[error("the key that the request is signed with cannot be used: {why}")]
    UntrustedKey {
        /// The reason.
        why: String,
    },
}

impl Rejection {
    /// The rejection of a signature in `place` that cannot be read.
    pub(super) fn malformed_signature(place: &str, why: &str) -> Self {
        Self::MalformedSignature {
            place: place.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The rejection of a batch, because an item with this index is refused.
    pub(super) fn of_item(self, item: usize) -> Self {
        Self::Item {
            item,
            why: Box::new(self),
        }
    }

    /// A short name for counters. It never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing_header",
            Self::RepeatedHeader { .. } => "repeated_header",
            Self::UnreadableHeader { .. } => "unreadable_header",
            Self::MalformedSignature { .. } => "malformed_signature",
            Self::NoKnownSignature { .. } => "no_known_signature",
            Self::SignatureMismatch { .. } => "signature_mismatch",
            Self::ExpiredSecret { .. } => "expired_secret",
            Self::Item { why, .. } => why.code(),
            Self::MissingTimestamp { .. } => "missing_timestamp",
            Self::MalformedTimestamp { .. } => "malformed_timestamp",
            Self::ConflictingTimestamps { .. } => "conflicting_timestamps",
            Self::TimestampTooOld { .. } => "timestamp_too_old",
            Self::TimestampInFuture { .. } => "timestamp_in_future",
            Self::MalformedBody { .. } => "malformed_body",
            Self::MissingField { .. } => "missing_field",
            Self::Unexpected { .. } => "unexpected_value",
            Self::ReservedType => "reserved_type",
            Self::KeyNeeded { .. } => "key_needed",
            Self::OtherRecipient { .. } => "other_recipient",
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
