//! Toss Payments' webhooks of payments: unsigned JSON.
//!
//! Anybody can send such a request. A handler asks Toss for the payment and believes nothing else.

use std::sync::LazyLock;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest};
use crate::time;
use crate::verified::{EqualBytes, ProviderEvent};
use crate::verifier::Scheme;
use tollgate_base::event::DedupBasis;
use tollgate_base::json::{self, PointerSet};
use tollgate_base::time::WallTime;

/// Toss tries for 3 days and 19 hours.
const RESENDS_FOR: Duration = Duration::from_secs(5 * 86_400);

const FIELDS: [&str; 6] = [
    "/eventType",
    "/createdAt",
    "/data/paymentKey",
    "/data/orderId",
    "/orderId",
    "/data/customerKey",
];

static POINTERS: LazyLock<PointerSet> =
    LazyLock::new(|| PointerSet::new(&FIELDS).expect("they are pointers"));

struct TossUnsigned;

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    reader.no_secrets();
    let scheme = reader.finish(Some(TossUnsigned))?;
    Ok(Box::new(scheme))
}

impl Scheme for TossUnsigned {
    fn verify(
        &self,
        request: &Request<'_>,
        _: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let found = json::pluck_borrowed(request.body, &POINTERS)?;
        let text = |at: usize| {
            let value = found.get(at)?.as_ref()?.as_text()?;
            Some(value.to_owned())
        };
        let subject = text(2).or_else(|| text(3)).or_else(|| text(4));
        // Notices of virtual accounts have no type.
        let of_account = text(4).map(|_| "DEPOSIT_CALLBACK".to_owned());
        let kind = text(0)
            .or(of_account)
            .ok_or_else(|| Rejection::MissingField {
                what: "event type",
                place: "`/eventType`".to_owned(),
            })?;
        let event = ProviderEvent {
            provider_id: None,
            dedup: DedupBasis::Body {
                kind: kind.clone(),
                digest: Sha256::digest(request.body).into(),
            },
            kind,
            subject: subject.or_else(|| text(5)),
            account: None,
            created: text(1).as_deref().and_then(time::created),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::DuplicateWithin(RESENDS_FOR),
            live: None,
            unreadable: None,
            headers: recorded(request.headers, &ALWAYS_RECORDED),
            payload: request.body.clone(),
        };
        Ok((None, vec![event]))
    }

    fn told_by_hash(&self) -> bool {
        true
    }

    fn sign(
        &self,
        _: usize,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        Ok(SignedRequest {
            headers: unsigned.headers,
            body: unsigned.body,
            query: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "Toss's webhooks of payments are not signed: anybody can send one. A handler must ask \
             Toss for the payment and believe nothing else"
                .to_owned(),
        ]
    }
}
