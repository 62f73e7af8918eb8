//! Recording events, wherever they come from.

use std::sync::Arc;

use uuid::Uuid;

use super::keys;
use super::order::Lines;
use super::{equal_bytes, twins, waiting};
use crate::engine::PreparedEvent;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key};
use crate::postgres::rows::Position;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{int, maybe, uuid};
use crate::{Delivery, DeliveryId, DeliveryState, EqualBytes, EventForm, Recipient, Token};
use tollgate_base::event::EventId;

/// Whether an event is known by one key for good, and has no twin.
pub(super) fn is_plain(new: &PreparedEvent) -> bool {
    new.further_keys.is_empty()
        && new.equal_bytes == EqualBytes::SameFact
        && !matches!(new.form, EventForm::Snapshot(_))
}

/// What recording an event locks, beside its dedup key.
pub(super) fn event_locks(new: &PreparedEvent, locks: &mut Locks) {
    for recipient in &new.handlers {
        if let Some(of) = &recipient.key {
            locks.add(key(Thing::Line(&of.0)), true);
        }
    }
}

/// What recording an event locks that comes of handling another one.
pub(super) fn derived_locks(new: &PreparedEvent, locks: &mut Locks) {
    if !is_plain(new) {
        locks.alone = true;
    }
    locks.add(key(Thing::Dedup(&new.dedup.0)), true);
    event_locks(new, locks);
}

/// Records an event with its deliveries and returns its number, and the event with the same bytes
/// that it is marked with; `None` if one of its dedup keys is known, so that the event is a
/// duplicate.
pub(super) async fn insert_event(
    tx: &mut Tx,
    new: &PreparedEvent,
) -> Result<Option<(i64, Option<EventId>)>, Fault> {
    let seq = tx.numbers.number();
    equal_bytes::forget_expired(tx, new).await?;
    twins::take_place(tx, new).await?;
    if !claim_keys(tx, new, seq).await? {
        return Ok(None);
    }
    let twin = equal_bytes::claim(tx, new, seq).await?;
    match twin {
        Some((first, routed)) => insert_new(tx, &[(seq, &new.marked(first, routed))]).await?,
        None => insert_new(tx, &[(seq, new)]).await?,
    }
    Ok(Some((seq, twin.map(|(first, _)| first))))
}

/// Gives the event its dedup keys; false if one of them is known already. Then the keys that are
/// not known lead to the event that has the known one.
async fn claim_keys(tx: &Tx, new: &PreparedEvent, seq: i64) -> Result<bool, Fault> {
    if new.further_keys.is_empty() {
        return keys::add(tx, new.dedup.0, seq).await;
    }
    let all = || std::iter::once(&new.dedup).chain(&new.further_keys);
    let mut known = None;
    for key in all() {
        if known.is_none() {
            known = keys::event_of(tx, key.0).await?;
        }
    }
    let event = known.unwrap_or(seq);
    // A pruned event whose keys stay for good has no row any more, and its keys never go.
    let keys_go = known.is_none()
        || tx
            .exists("SELECT 1 FROM events WHERE seq = $1", &[&event])
            .await?;
    for key in all() {
        let is_own = known.is_none() && *key == new.dedup;
        if keys::add(tx, key.0, event).await? && keys_go && !is_own {
            keys::goes_with(tx, key.0, event).await?;
        }
    }
    Ok(known.is_none())
}

/// The columns of new events, their bodies and their deliveries.
#[derive(Default)]
struct Columns<'a> {
    seqs: Vec<i64>,
    ids: Vec<Uuid>,
    sources: Vec<Text<'a>>,
    kinds: Vec<Text<'a>>,
    provider_ids: Vec<Option<Text<'a>>>,
    subjects: Vec<Option<Text<'a>>>,
    accounts: Vec<Option<Text<'a>>>,
    created: Vec<Option<i64>>,
    received: Vec<i64>,
    depths: Vec<i64>,
    dedups: Vec<Uuid>,
    headers: Vec<&'a str>,
    metadata: Vec<&'a str>,
    payloads: Vec<&'a [u8]>,
    first: Vec<i64>,
    many: Vec<i64>,
    deliveries: Deliveries<'a>,
}

#[derive(Default)]
struct Deliveries<'a> {
    ids: Vec<i64>,
    events: Vec<i64>,
    handlers: Vec<Text<'a>>,
    states: Vec<&'static str>,
    since: Vec<i64>,
    keys: Vec<Option<Uuid>>,
    turns: Vec<Option<i64>>,
    places: Vec<i64>,
    owners: Vec<Option<i64>>,
    tokens: Vec<i64>,
}

/// Records events that are new and have their keys, with their deliveries.
pub(super) async fn insert_new(tx: &mut Tx, events: &[(i64, &PreparedEvent)]) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let mut lines = Lines::load(tx, events.iter().flat_map(|(_, new)| &new.handlers)).await?;
    let mut columns = Columns::default();
    for (seq, new) in events {
        let waits = new.form == EventForm::Thin && !new.handlers.is_empty();
        if waits {
            waiting::begin(tx, *seq, &new.event.source).await?;
        }
        columns.add_event(*seq, new);
        for recipient in &new.handlers {
            let added = add_delivery(tx, &mut lines, (*seq, new), recipient, waits).await?;
            columns.add_delivery((*seq, new), recipient, &added);
        }
        let many = new.handlers.len();
        let last = columns.deliveries.ids.last().copied().unwrap_or(0);
        columns.first.push(last + 1 - int(many));
        columns.many.push(int(many));
        tx.count(Counter::Events, 1);
        tx.count(Counter::Unrouted, i64::from(many == 0));
    }
    columns.write(tx).await
}

/// A delivery as its row is to say.
struct Added {
    id: i64,
    state: DeliveryState,
    turn: Option<Position>,
    place: i64,
    owner: Option<i64>,
}

/// Gives a handler its delivery of a new event, and tells the sink if it can run.
async fn add_delivery(
    tx: &mut Tx,
    lines: &mut Lines,
    (_, new): (i64, &PreparedEvent),
    Recipient { handler, key }: &Recipient,
    waits: bool,
) -> Result<Added, Fault> {
    let id = tx.numbers.delivery();
    let turn = lines.position(key.as_ref(), waits);
    let blocked = turn == Some(Position::Blocked);
    let absent = blocked
        && (tx.is_unserved(handler).await? || key.as_ref().is_some_and(|key| lines.is_held(key)));
    let state = match absent {
        true => DeliveryState::Held,
        false => DeliveryState::Pending,
    };
    let place = lines.join(tx, key.as_ref(), state);
    tx.count(Counter::Deliveries(state), 1);
    let added = Added {
        id,
        state,
        turn,
        place,
        owner: (!blocked).then_some(tx.me.owner),
    };
    if !blocked {
        let delivery = Delivery {
            id: DeliveryId(id),
            handler: handler.clone(),
            event: Arc::clone(&new.event),
            resolved: None,
            attempts: 0,
            uncounted: 0,
            run: 0,
            keys: 0,
            component: None,
            answers: None,
            crashes: 0,
            key: *key,
            since: new.event.received,
        };
        tx.news.recorded.push((delivery, Token(1)));
    }
    Ok(added)
}

impl<'a> Columns<'a> {
    fn add_event(&mut self, seq: i64, new: &'a PreparedEvent) {
        let event = &new.event;
        self.seqs.push(seq);
        self.ids.push(uuid(event.id));
        self.sources.push(Text(event.source.as_str()));
        self.kinds.push(Text(&event.kind));
        self.provider_ids.push(maybe(event.provider_id.as_deref()));
        self.subjects.push(maybe(event.subject.as_deref()));
        self.accounts.push(maybe(event.account.as_deref()));
        self.created.push(event.created.map(int));
        self.received.push(int(event.received));
        self.depths.push(i64::from(event.depth));
        self.dedups.push(Uuid::from_bytes(new.dedup.0));
        self.headers.push(&new.headers);
        self.metadata.push(&new.metadata);
        self.payloads.push(&event.payload);
    }

    fn add_delivery(
        &mut self,
        (seq, new): (i64, &'a PreparedEvent),
        recipient: &'a Recipient,
        added: &Added,
    ) {
        let rows = &mut self.deliveries;
        rows.ids.push(added.id);
        rows.events.push(seq);
        rows.handlers.push(Text(recipient.handler.as_str()));
        rows.states.push(added.state.name());
        rows.since.push(int(new.event.received));
        let key = recipient.key.map(|key| Uuid::from_bytes(key.0));
        rows.keys.push(key);
        rows.turns.push(added.turn.map(|turn| turn as i64));
        rows.places.push(added.place);
        rows.owners.push(added.owner);
        rows.tokens.push(i64::from(added.owner.is_some()));
    }

    async fn write(&self, tx: &Tx) -> Result<(), Fault> {
        let rows = &self.deliveries;
        tx.execute(
            "WITH e AS (
                 INSERT INTO events (seq, id, source, kind, provider_id, subject, account, created,
                     received, depth, dedup, deliveries)
                 SELECT seq, id, source, kind, provider_id, subject, account, created, received,
                     depth, dedup, ARRAY(SELECT generate_series(first, first + many - 1))
                 FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                     $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[],
                     $11::uuid[], $12::bigint[], $13::bigint[])
                 AS n (seq, id, source, kind, provider_id, subject, account, created, received,
                     depth, dedup, first, many)),
             b AS (
                 INSERT INTO bodies (event, headers, metadata, payload)
                 SELECT * FROM unnest($1::bigint[], $14::text[], $15::text[], $16::bytea[]))
             INSERT INTO queue (id, event, handler, state, since, order_key, turn, place, owner,
                 token, attempts, run, keys, crashes, excused)
             SELECT *, 0, 0, 0, 0, 0
             FROM unnest($17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::bigint[],
                 $22::uuid[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[])",
            &[
                &self.seqs,
                &self.ids,
                &self.sources,
                &self.kinds,
                &self.provider_ids,
                &self.subjects,
                &self.accounts,
                &self.created,
                &self.received,
                &self.depths,
                &self.dedups,
                &self.first,
                &self.many,
                &self.headers,
                &self.metadata,
                &self.payloads,
                &rows.ids,
                &rows.events,
                &rows.handlers,
                &rows.states,
                &rows.since,
                &rows.keys,
                &rows.turns,
                &rows.places,
                &rows.owners,
                &rows.tokens,
            ],
        )
        .await?;
        Ok(())
    }
}

/// The position that a delivery gets which is added to an event on record.
pub(super) async fn position_of(
    tx: &mut Tx,
    recipient: &Recipient,
    waits: bool,
) -> Result<(Option<Position>, i64), Fault> {
    let mut lines = Lines::load(tx, [recipient]).await?;
    let turn = lines.position(recipient.key.as_ref(), waits);
    let place = lines.join(tx, recipient.key.as_ref(), DeliveryState::Pending);
    Ok((turn, place))
}
