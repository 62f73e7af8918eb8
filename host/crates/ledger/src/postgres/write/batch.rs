//! One transaction of the writer.

use std::sync::Arc;

use super::task::Task;
use crate::engine::Moment;
use crate::postgres::book::Books;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::numbers::{Me, Numbers};
use crate::postgres::operations::{Record, record};
use crate::postgres::transaction::{Committed, Tx};
use crate::postgres::values::get;

/// Locks what a transaction touches, before the first statement that reads. The keys come in order,
/// so that no two transactions wait for each other.
const LOCK: &str = "SELECT CASE WHEN x THEN pg_advisory_xact_lock(k)
    ELSE pg_advisory_xact_lock_shared(k) END
    FROM (SELECT unnest($1::bigint[]) AS k, unnest($2::boolean[]) AS x) AS wanted";

/// Whether the gateway's leases are in force, and the time by the database's clock.
const LOOK: &str = "SELECT ended, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    FROM gateways WHERE owner = $1";

/// Begins a transaction with these locks.
pub(super) async fn begin(
    conn: &Arc<Connection>,
    locks: &Locks,
    now: Moment,
    (me, mut numbers): (Me, Numbers),
    with: (Arc<Books>, u32),
) -> Result<Tx, Fault> {
    let (keys, exclusive) = locks.in_order();
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&keys, &exclusive];
    let mine: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&me.owner];
    // One trip: the statements go out one after another, and the locks come before the look.
    let (_, _, looked) = tokio::try_join!(
        conn.batch("BEGIN"),
        conn.execute(LOCK, &params),
        conn.first(LOOK, &mine),
    )?;
    let Some(looked) = looked else {
        return Err(Fault::Ended);
    };
    if get(&looked, 0)? {
        return Err(Fault::Ended);
    }
    numbers.pass(get(&looked, 1)?);
    Ok(Tx::new(Arc::clone(conn), now, (me, numbers), with))
}

/// Applies the tasks. Events that neighbours record go together, and so do completions.
pub(super) async fn apply(tx: &mut Tx, tasks: &mut [Task]) -> Result<(), Fault> {
    let mut rest = tasks;
    while !rest.is_empty() {
        let records = rest.iter().take_while(|task| task.is_plain_record());
        let records = records.count();
        let completions: Vec<i64> = rest.iter().map_while(Task::completes).collect();
        let many = records.max(completions.len()).max(1);
        let (now, later) = rest.split_at_mut(many);
        if records > 0 {
            record_all(tx, now).await?;
        } else {
            if completions.len() > 1 {
                tx.read_ahead(&completions).await?;
            }
            for task in now {
                apply_one(tx, task).await?;
            }
            tx.write_late().await?;
        }
        rest = later;
    }
    Ok(())
}

async fn record_all(tx: &mut Tx, tasks: &mut [Task]) -> Result<(), Fault> {
    let operations: Vec<&Record> = tasks.iter().filter_map(Task::record).collect();
    let answers = record(tx, &operations).await?;
    for (task, answer) in tasks.iter_mut().zip(answers) {
        if let Task::Record(task) = task {
            task.answer = Some(answer);
        }
    }
    Ok(())
}

async fn apply_one(tx: &mut Tx, task: &mut Task) -> Result<(), Fault> {
    match task {
        Task::Record(task) => {
            task.answer = Some(task.operation.apply_alone(tx).await?);
            Ok(())
        }
        Task::Other(task) => task.apply(tx).await,
    }
}

/// Ends a transaction that has failed.
pub(super) async fn roll_back(conn: &Connection) -> Result<(), Fault> {
    conn.batch("ROLLBACK").await
}

/// What a commit hands over.
pub(super) struct Done {
    pub(super) committed: Committed,
}

impl Task {
    fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(task) => Some(&task.operation),
            Self::Other(_) => None,
        }
    }

    fn completes(&self) -> Option<i64> {
        match self {
            Self::Record(_) => None,
            Self::Other(task) => task.completes(),
        }
    }

    fn is_plain_record(&self) -> bool {
        self.record().is_some_and(Record::is_plain)
    }
}
