//! Bytes in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes in JSON: a text, or base64 where the bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Raw {
    /// The bytes are UTF-8.
    Text(String),
    /// The bytes are anything else.
    Base64 {
        /// The bytes in base64.
        base64: String,
    },
}

impl Raw {
    /// The JSON form of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64 {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// Somebody has changed the base64.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Base64 { base64 } => STANDARD.decode(base64),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_back_as_they_were(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = serde_json::to_string(&Raw::of(&bytes)).unwrap();
            let back: Raw = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.bytes().unwrap(), bytes);
        }
    }
}
