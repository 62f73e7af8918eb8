//! Handlers' state at a commit: checking reads, and writing.

use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key as lock};
use crate::postgres::read::state::{get as read_value, list};
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::int;
use crate::{Inapplicable, Read, StateWrite, counter_after};
use tollgate_base::event::{ComponentDigest, HandlerName};

/// What reads and writes of a handler's state lock. A listing locks all keys of the handler.
pub(super) fn locks<'a>(
    handler: &HandlerName,
    reads: &[Read],
    writes: impl Iterator<Item = &'a str>,
    locks: &mut Locks,
) {
    let name = handler.as_str();
    for read in reads {
        match read {
            Read::Key { key, .. } => {
                locks.add(lock(Thing::States(name)), false);
                locks.add(lock(Thing::State(name, key)), false);
            }
            Read::List { .. } => locks.add(lock(Thing::States(name)), true),
        }
    }
    for key in writes {
        locks.add(lock(Thing::States(name)), false);
        locks.add(lock(Thing::State(name, key)), true);
    }
}

/// Whether every value and listing that was read is still the same.
pub(super) async fn still_stand(
    tx: &Tx,
    handler: &HandlerName,
    reads: &[Read],
) -> Result<bool, Fault> {
    for read in reads {
        let stands = match read {
            Read::Key { key, version } => {
                read_value(tx.conn(), handler, key).await?.version == *version
            }
            Read::List {
                prefix,
                after,
                limit,
                seen,
            } => {
                let now = list(tx.conn(), handler, prefix, after.as_deref(), *limit).await?;
                let now = now.iter().map(|entry| (&entry.key, entry.version));
                now.eq(seen.iter().map(|(key, version)| (key, *version)))
            }
        };
        if !stands {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A key with its new value; `None` deletes the key.
pub(super) type Write = (String, Option<Vec<u8>>);

/// Works out the new value of each key, or why a counter has none.
pub(super) async fn resolve(
    tx: &Tx,
    handler: &HandlerName,
    writes: &[(String, StateWrite)],
) -> Result<Result<Vec<Write>, Inapplicable>, Fault> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let value = match write {
            StateWrite::Set(value) => Some(value.clone()),
            StateWrite::Delete => None,
            StateWrite::Add(delta) => {
                let before = read_value(tx.conn(), handler, key).await?.value;
                match counter_after(before.as_deref(), *delta) {
                    Ok(sum) => Some(sum),
                    Err(why) => return Ok(Err(why)),
                }
            }
        };
        resolved.push((key.clone(), value));
    }
    Ok(Ok(resolved))
}

/// Applies the writes. Each row that is set gets a version that no row has had. `component` is what
/// writes; an operator is none.
pub(super) async fn apply(
    tx: &mut Tx,
    handler: &HandlerName,
    component: Option<ComponentDigest>,
    writes: Vec<Write>,
) -> Result<(), Fault> {
    let component = component.map(|component| component.0.to_vec());
    for (key, value) in writes {
        let Some(value) = value else {
            tx.execute(
                "DELETE FROM state WHERE handler = $1 AND key = $2",
                &[&Text(handler.as_str()), &key.as_bytes()],
            )
            .await?;
            continue;
        };
        let version = tx.numbers.number();
        tx.execute(
            "INSERT INTO state (handler, key, value, version, component, written)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (handler, key) DO UPDATE SET value = excluded.value,
                 version = excluded.version, component = excluded.component,
                 written = excluded.written",
            &[
                &Text(handler.as_str()),
                &key.as_bytes(),
                &value,
                &version,
                &component,
                &int(tx.now.wall),
            ],
        )
        .await?;
    }
    Ok(())
}
