//! Recording the events of many requests at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::insert_event::{event_locks, insert_event, insert_new, is_plain};
use crate::engine::PreparedEvent;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{get, int};
use crate::{NewEvent, Recorded};
use tollgate_base::event::{EventId, HandlerName};

/// Records the events of one request, all or none. The answers are in the order of the events.
pub(crate) struct Record {
    events: Vec<PreparedEvent>,
}

impl Record {
    /// Prepares the events on the caller's thread.
    pub(crate) fn new(events: Vec<NewEvent>) -> Self {
        Self {
            events: events.into_iter().map(PreparedEvent::from).collect(),
        }
    }

    /// About how many bytes the events hold.
    pub(crate) fn weight(&self) -> usize {
        self.events.iter().map(PreparedEvent::weight).sum()
    }

    /// What recording the events locks. Keys of plain events are locked by their table.
    pub(crate) fn locks(&self) -> Locks {
        if !self.is_plain() {
            return Locks::alone();
        }
        let mut locks = Locks::default();
        for event in &self.events {
            event_locks(event, &mut locks);
        }
        locks
    }

    /// The handlers that get deliveries.
    pub(crate) fn handlers(&self) -> Vec<&HandlerName> {
        let recipients = self.events.iter().flat_map(|event| &event.handlers);
        recipients.map(|recipient| &recipient.handler).collect()
    }

    /// Whether each event is known by one key for good.
    pub(crate) fn is_plain(&self) -> bool {
        self.events.iter().all(is_plain)
    }

    /// Records events of which some are not plain, one after another.
    pub(crate) async fn apply_alone(&self, tx: &mut Tx) -> Result<Vec<Recorded>, Fault> {
        let mut recorded = Vec::with_capacity(self.events.len());
        for new in &self.events {
            recorded.push(match insert_event(tx, new).await? {
                Some((_, None)) => Recorded::New(new.event.id),
                Some((_, Some(same_bytes_as))) => Recorded::Marked {
                    id: new.event.id,
                    same_bytes_as,
                },
                None => count_duplicate(tx, new).await?,
            });
        }
        Ok(recorded)
    }
}

/// An event that was recorded before.
#[derive(Clone, Copy)]
struct First {
    /// Its number and its id; `None` if only its key is left.
    event: Option<(i64, EventId)>,
    /// The sha256 of its bytes, if they are kept whole.
    bytes: Option<[u8; 32]>,
}

/// Records plain events of these requests; the answers are in their order.
pub(crate) async fn record(tx: &mut Tx, requests: &[&Record]) -> Result<Vec<Vec<Recorded>>, Fault> {
    let events: Vec<&PreparedEvent> = requests.iter().flat_map(|of| &of.events).collect();
    let mut seqs = BTreeMap::new();
    for new in &events {
        let number = tx.numbers.number();
        seqs.entry(new.dedup.0).or_insert(number);
    }
    let new_keys = claim(tx, &seqs).await?;
    let mut firsts = read_firsts(tx, &seqs, &new_keys).await?;
    let mut fresh = Vec::new();
    let mut counted = Duplicates::default();
    let mut answers = Vec::with_capacity(events.len());
    for new in events {
        let key = new.dedup.0;
        match firsts.get(&key) {
            Some(first) => answers.push(counted.add(new, first)),
            None => {
                let seq = seqs[&key];
                firsts.insert(key, First::of(new, seq));
                fresh.push((seq, new));
                answers.push(Recorded::New(new.event.id));
            }
        }
    }
    insert_new(tx, &fresh).await?;
    counted.write(tx).await?;
    let mut answers = answers.into_iter();
    let of = |request: &&Record| answers.by_ref().take(request.events.len()).collect();
    Ok(requests.iter().map(of).collect())
}

impl First {
    fn of(new: &PreparedEvent, seq: i64) -> Self {
        Self {
            event: Some((seq, new.event.id)),
            bytes: Some(Sha256::digest(&new.event.payload).into()),
        }
    }
}

/// Gives new keys to these events; returns the keys that were new. The keys are sorted: two
/// transactions with the same keys in other orders would wait for each other.
async fn claim(tx: &Tx, seqs: &BTreeMap<[u8; 16], i64>) -> Result<HashSet<[u8; 16]>, Fault> {
    let keys: Vec<Uuid> = seqs.keys().map(|key| Uuid::from_bytes(*key)).collect();
    let events: Vec<i64> = seqs.values().copied().collect();
    let rows = tx
        .query(
            "INSERT INTO dedup (key, event) SELECT * FROM unnest($1::uuid[], $2::bigint[])
             ON CONFLICT DO NOTHING RETURNING key",
            &[&keys, &events],
        )
        .await?;
    let key = |row| Ok(get::<Uuid>(row, 0)?.into_bytes());
    rows.iter().map(key).collect()
}

/// The events that have the keys which were not new. A statement of its own: the one that found the
/// keys taken does not see an event that another gateway has just committed.
async fn read_firsts(
    tx: &Tx,
    seqs: &BTreeMap<[u8; 16], i64>,
    new: &HashSet<[u8; 16]>,
) -> Result<HashMap<[u8; 16], First>, Fault> {
    let known = seqs.keys().filter(|key| !new.contains(*key));
    let known: Vec<Uuid> = known.map(|key| Uuid::from_bytes(*key)).collect();
    if known.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .query(
            "SELECT d.key, e.seq, e.id,
                 CASE WHEN e.erased IS NULL THEN sha256(b.payload) END
             FROM dedup d LEFT JOIN events e ON e.seq = d.event
             LEFT JOIN bodies b ON b.event = d.event WHERE d.key = ANY ($1)",
            &[&known],
        )
        .await?;
    let first = |row| {
        let (seq, id): (Option<i64>, Option<Uuid>) = (get(row, 1)?, get(row, 2)?);
        let id = id.map(|id| EventId::from_bytes(id.into_bytes()));
        let digest: Option<Vec<u8>> = get(row, 3)?;
        let first = First {
            event: seq.zip(id),
            bytes: digest.and_then(|digest| digest.try_into().ok()),
        };
        Ok((get::<Uuid>(row, 0)?.into_bytes(), first))
    };
    rows.iter().map(first).collect()
}

/// Duplicates by the event that they repeat: how many, and how many with other bytes.
#[derive(Default)]
struct Duplicates {
    all: i64,
    differing: i64,
    of: BTreeMap<i64, (i64, i64)>,
}

impl Duplicates {
    /// Counts a duplicate of an event. Bytes that are gone count as the same.
    fn add(&mut self, new: &PreparedEvent, first: &First) -> Recorded {
        let digest = || <[u8; 32]>::from(Sha256::digest(&new.event.payload));
        let same_bytes = first.bytes.is_none_or(|bytes| bytes == digest());
        self.note(first.event.map(|(seq, _)| seq), same_bytes);
        Recorded::Duplicate {
            first: first.event.map(|(_, id)| id),
            same_bytes,
        }
    }

    fn note(&mut self, event: Option<i64>, same_bytes: bool) {
        self.all += 1;
        let Some(event) = event else { return };
        let (arrivals, differing) = self.of.entry(event).or_default();
        *arrivals += 1;
        if !same_bytes {
            *differing += 1;
            self.differing += 1;
        }
    }

    async fn write(self, tx: &mut Tx) -> Result<(), Fault> {
        tx.count(Counter::Duplicates, self.all);
        tx.count(Counter::DuplicatesDiffering, self.differing);
        if self.of.is_empty() {
            return Ok(());
        }
        let events: Vec<i64> = self.of.keys().copied().collect();
        let (arrivals, differing): (Vec<i64>, Vec<i64>) = self.of.into_values().unzip();
        tx.execute(
            "INSERT INTO duplicates (event, arrivals, differing, last)
             SELECT *, $4 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
             ON CONFLICT (event) DO UPDATE SET arrivals = duplicates.arrivals + excluded.arrivals,
                 differing = duplicates.differing + excluded.differing, last = excluded.last",
            &[&events, &arrivals, &differing, &int(tx.now.wall)],
        )
        .await?;
        Ok(())
    }
}

/// Counts one more arrival of an event that is on record.
async fn count_duplicate(tx: &mut Tx, new: &PreparedEvent) -> Result<Recorded, Fault> {
    let key = new.dedup.0;
    let seqs = BTreeMap::from([(key, 0)]);
    let firsts = read_firsts(tx, &seqs, &HashSet::new()).await?;
    let none = First {
        event: None,
        bytes: None,
    };
    let mut counted = Duplicates::default();
    let answer = counted.add(new, firsts.get(&key).unwrap_or(&none));
    counted.write(tx).await?;
    Ok(answer)
}
