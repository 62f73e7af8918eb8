//! Texts that PostgreSQL does not take as they are.

use super::Postgres;
use crate::conformance::{Open, event, handler, request, writing};
use crate::{Completed, NewEvent, RecordFilter, StateWrite};
use crate::{ListOrder, Page};

/// Texts of an event and of its handling with the character NUL, and with the one that stands for
/// it.
#[test]
fn a_text_with_nul_is_recorded_like_others() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = Open::new(&postgres);
    let text = "a\0b\u{f0000}";
    let mut new: NewEvent = event("evt_1", b"{\"a\":\"\\u0000\"}", &["a"]);
    new.event.kind = text.to_owned();
    new.event.subject = Some(text.to_owned());
    new.event.provider_id = Some(text.to_owned());
    open.record(vec![new.clone()]);
    let delivery = open.sink.deliveries().remove(0);
    assert_eq!(open.pending("a")[0].event, delivery.event);
    let mut completion = writing(&delivery, &[(text, StateWrite::Set(b"v".to_vec()))]);
    completion.attempt.detail = text.to_owned();
    let mut sends = request(text);
    sends.order_key = Some(text.to_owned());
    completion.effects.outbox = vec![sends.clone()];
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    assert_eq!(open.value("a", text).as_deref(), Some(&b"v"[..]));
    let listed = open
        .ledger
        .state_list(&handler("a"), "a\0", None, 9)
        .unwrap();
    assert_eq!(listed[0].key, text);
    assert_eq!(*open.waiting("a")[0].request, sends);
    let filter = RecordFilter {
        subject: Some(text.to_owned()),
        ..RecordFilter::default()
    };
    let page = Page {
        after: None,
        until: None,
        limit: 9,
        order: ListOrder::Newest,
    };
    let found = open.ledger.deliveries(&filter, &page).unwrap();
    assert_eq!(found.items[0].last_detail.as_deref(), Some(text));
}
