//! Mollie's classic webhooks: an unsigned form with the id of a resource that changed.
//!
//! Anybody can send such a request. Mollie intends it so: the request only says "look again", and
//! the handler asks Mollie for the state. The same id comes at each change, so every request is a
//! separate event: to drop the second request as a duplicate would lose a change.

use crate::form;
use crate::headers::{ALWAYS_RECORDED, recorded};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::{BuildError, Settings};
use crate::settings_reader::SettingsReader;
use crate::sign::{SignError, SignedRequest, UnsignedRequest, set_header};
use crate::verified::{EqualBytes, ProviderEvent};
use crate::verifier::Scheme;
use tollgate_base::event::DedupBasis;
use tollgate_base::time::WallTime;

struct MollieClassic;

/// The scheme with the settings of a source, or every mistake in them.
pub(super) fn build(name: &str, settings: Settings) -> Result<Box<dyn Scheme>, Vec<BuildError>> {
    let mut reader = SettingsReader::new(name, settings);
    reader.no_secrets();
    let scheme = reader.finish(Some(MollieClassic))?;
    Ok(Box::new(scheme))
}

/// The event type for each prefix of an id.
const KINDS: &[(&str, &str)] = &[
    ("tr_", "payment.changed"),
    ("ord_", "order.changed"),
    ("pl_", "payment-link.changed"),
    ("sub_", "subscription.changed"),
    ("re_", "refund.changed"),
];

impl Scheme for MollieClassic {
    fn verify(
        &self,
        request: &Request<'_>,
        now: WallTime,
    ) -> Result<(Option<usize>, Vec<ProviderEvent>), Rejection> {
        let missing = || Rejection::MissingField {
            what: "id",
            place: "the form's field `id`".to_owned(),
        };
        let id = form::single(request.body, "id").ok_or_else(missing)?;
        let id = std::str::from_utf8(&id)
            .ok()
            .filter(|id| is_id(id))
            .ok_or_else(|| Rejection::MalformedBody {
                why: "the form's `id` is not an id of Mollie's".to_owned(),
            })?;
        let kind = KINDS
            .iter()
            .find_map(|(prefix, kind)| id.starts_with(prefix).then_some(*kind))
            .unwrap_or("resource.changed");
        let event = ProviderEvent {
            provider_id: None,
            kind: kind.to_owned(),
            subject: Some(id.to_owned()),
            account: None,
            created: None,
            dedup: DedupBasis::Fields(vec![id.to_owned(), now.as_millis().to_string()]),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: None,
            unreadable: None,
            headers: recorded(request.headers, &ALWAYS_RECORDED),
            payload: request.body.clone(),
        };
        Ok((None, vec![event]))
    }

    fn sign(
        &self,
        _: usize,
        unsigned: UnsignedRequest,
        _: WallTime,
    ) -> Result<SignedRequest, SignError> {
        let UnsignedRequest { body, mut headers } = unsigned;
        set_header(&mut headers, "content-type", form::CONTENT_TYPE)?;
        Ok(SignedRequest {
            headers,
            body,
            query: None,
        })
    }

    fn warnings(&self) -> Vec<String> {
        vec![
            "Mollie's classic webhooks are not signed: anybody can send one. A handler must \
             ask Mollie for the state and believe nothing else; prefer the next-gen webhooks \
             (`scheme = \"mollie\"`)"
                .to_owned(),
        ]
    }
}

/// Whether the text is a short id of letters, digits and a few signs. The id is not signed, so it
/// must at least be harmless wherever it is shown.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}
