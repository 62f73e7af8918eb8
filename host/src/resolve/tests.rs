//! Settings for the tests of the parts. The whole is tested through the binary.

use std::time::Duration;

use crate::settings::Resolve;
use tollgate_base::origin::Origin;
use tollgate_base::rate::Rate;
use tollgate_base::secret::Secret;

/// Settings with this key.
pub(super) fn resolve(key: &str) -> Resolve {
    Resolve {
        key: Secret::new(key.as_bytes().to_vec()),
        version: "2026-09-30.endive".to_owned(),
        object: true,
        event: false,
        origin: Origin::parse("https://api.stripe.com").unwrap(),
        addresses: Vec::new(),
        rate: Rate {
            count: 25,
            per: Duration::from_secs(1),
        },
        timeout: Duration::from_secs(10),
        answer_limit: 1 << 20,
    }
}
