//! The thread that keeps the blocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Result};

use super::block::{Block, Range};
use super::keep::KeepBlock;
use crate::engine::Queue;
use crate::sqlite::read::SqliteReader;
use crate::sqlite::terms::list_number;
use crate::sqlite::write::{AnyTask, task};
use crate::{LedgerError, RecordList};
use tollgate_base::thread::OwnedThread;

/// The pause while there is nothing to do.
const IDLE: Duration = Duration::from_millis(500);

/// The pause after a failure, such as a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// After a block, the thread rests for this many times the time that the block took: it takes a
/// third of a core at most, where the blocks of an old ledger are made.
const REST_TIMES: u32 = 2;

/// A block waits while more operations than this wait for the writer, but for so many pauses at
/// most: a gateway that is always busy is searched, too. Five blocks a second are 20,000 rows.
const BUSY: usize = 16;
const PUT_OFF: u32 = 4;
const WHILE_BUSY: Duration = Duration::from_millis(50);

/// How much the niceness of the thread is above that of the rest of the process: it takes what
/// those that record leave.
const NICENESS: i32 = 10;

/// How many rounds without work lie between two looks whether a block has rows that were pruned.
const LOOK_EVERY: u32 = 20;

const LISTS: [RecordList; 2] = [RecordList::Events, RecordList::Deliveries];

/// Keeps the blocks of a ledger.
pub(crate) struct BlockKeeper {
    reader: Arc<SqliteReader>,
    queue: Arc<Queue<Box<dyn AnyTask>>>,
    /// How many numbers a block covers.
    numbers: i64,
    /// The blocks of each list that are in the file: their first numbers, and how many rows they
    /// have. `None` until they are read.
    known: Option<[BTreeMap<i64, i64>; 2]>,
    put_off: u32,
    /// The list that was last looked at first.
    first: usize,
    idle: u32,
    /// The block that was last looked at for rows that were pruned.
    looked_at: (usize, i64),
}

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Wrote or removed a block.
    Done,
    /// There was nothing to do.
    Nothing,
    /// The writer is busy.
    PutOff,
}

impl BlockKeeper {
    /// A keeper of blocks that cover so many numbers each.
    pub(crate) fn new(
        reader: Arc<SqliteReader>,
        queue: Arc<Queue<Box<dyn AnyTask>>>,
        numbers: i64,
    ) -> Self {
        Self {
            reader,
            queue,
            numbers,
            known: None,
            put_off: 0,
            first: 0,
            idle: 0,
            looked_at: (0, 0),
        }
    }

    /// Starts the thread.
    pub(crate) fn start(mut self) -> std::io::Result<OwnedThread> {
        OwnedThread::start("search", move |stop| {
            // If the system does not allow that, the thread has the priority of the others.
            let _ = rustix::process::nice(NICENESS);
            let mut rest = IDLE;
            while !stop.wait(rest) {
                let began = Instant::now();
                rest = match self.step() {
                    Ok(Step::Done) => began.elapsed() * REST_TIMES,
                    Ok(Step::Nothing) => IDLE,
                    Ok(Step::PutOff) => WHILE_BUSY,
                    Err(error) => {
                        tracing::debug!(%error, "the blocks for searches wait for the ledger");
                        AFTER_FAILURE
                    }
                };
            }
        })
    }

    /// Makes or removes one block, if there is one to make or to remove.
    pub(crate) fn step(&mut self) -> std::result::Result<Step, LedgerError> {
        if self.queue.len() > BUSY && self.put_off < PUT_OFF {
            self.put_off += 1;
            return Ok(Step::PutOff);
        }
        self.put_off = 0;
        let reader = Arc::clone(&self.reader);
        let found = reader.read(|conn| self.find(conn))?;
        let Some((range, block)) = found else {
            return Ok(Step::Nothing);
        };
        let kept = block.as_ref().map(|block| block.kept);
        self.write(KeepBlock { range, block })?;
        let at = usize::from(range.list == RecordList::Deliveries);
        if let Some(known) = &mut self.known {
            match kept {
                Some(kept) => known[at].insert(range.first, kept),
                None => known[at].remove(&range.first),
            };
        }
        Ok(Step::Done)
    }

    fn write(&self, keep: KeepBlock) -> std::result::Result<(), LedgerError> {
        let (answer, answered) = sync_channel(1);
        let keep = task(keep, move |result| {
            // The keeper waits for the answer.
            let _ = answer.send(result);
        });
        // A closed queue gives the task back, and dropping the task answers.
        drop(self.queue.put(keep));
        answered.recv().unwrap_or(Err(LedgerError::Closed))
    }

    /// The next block to write, or the range of one to remove.
    fn find(&mut self, conn: &Connection) -> Result<Option<(Range, Option<Block>)>> {
        if self.known.is_none() {
            self.known = Some([known(conn, LISTS[0])?, known(conn, LISTS[1])?]);
        }
        // In turns, so that no list waits for the other.
        self.first = (self.first + 1) % LISTS.len();
        for at in [self.first, (self.first + 1) % LISTS.len()] {
            if let Some((range, is_there)) = self.missing_or_empty(conn, at)? {
                let block = is_there.then(|| Block::read(conn, range)).transpose()?;
                return Ok(Some((range, block)));
            }
        }
        self.idle += 1;
        match self.idle % LOOK_EVERY {
            0 => self.look_for_pruned(conn),
            _ => Ok(None),
        }
    }

    /// The newest block that is missing, or one whose rows are all gone; the second part of the
    /// answer is true for a missing one.
    fn missing_or_empty(&self, conn: &Connection, at: usize) -> Result<Option<(Range, bool)>> {
        let Some(known) = &self.known else {
            return Ok(None);
        };
        let Some((oldest, newest)) = bounds(conn, LISTS[at])? else {
            return Ok(known[at]
                .keys()
                .next()
                .map(|first| (self.range(at, *first), false)));
        };
        let gone = known[at]
            .keys()
            .next()
            .filter(|first| **first + self.numbers <= oldest);
        if let Some(first) = gone {
            return Ok(Some((self.range(at, *first), false)));
        }
        let (oldest, newest) = (oldest / self.numbers, (newest + 1) / self.numbers - 1);
        let firsts = (oldest..=newest).rev().map(|block| block * self.numbers);
        let missing = firsts
            .into_iter()
            .find(|first| !known[at].contains_key(first));
        Ok(missing.map(|first| (self.range(at, first), true)))
    }

    fn range(&self, at: usize, first: i64) -> Range {
        Range {
            list: LISTS[at],
            first,
            last: first + self.numbers - 1,
        }
    }

    /// Looks at the next block in turn. If rows of the block were pruned, the block is made anew,
    /// so that nothing is left of their terms.
    fn look_for_pruned(&mut self, conn: &Connection) -> Result<Option<(Range, Option<Block>)>> {
        let (at, last) = self.looked_at;
        let next = self
            .known
            .as_ref()
            .and_then(|known| known[at].range(last + 1..).next());
        let Some((first, kept)) = next else {
            self.looked_at = ((at + 1) % LISTS.len(), -1);
            return Ok(None);
        };
        let range = self.range(at, *first);
        let is_whole = range.count(conn)? == *kept;
        self.looked_at = (at, range.first);
        match is_whole {
            true => Ok(None),
            false => Ok(Some((range, Some(Block::read(conn, range)?)))),
        }
    }
}

/// The blocks of a list that are in the file.
fn known(conn: &Connection, list: RecordList) -> Result<BTreeMap<i64, i64>> {
    conn.prepare_cached("SELECT first, kept FROM search_blocks WHERE list = ?1")?
        .query_map([list_number(list)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The numbers of a list's oldest and newest row that is kept; `None` if there is no row.
fn bounds(conn: &Connection, list: RecordList) -> Result<Option<(i64, i64)>> {
    // A pruned event may leave its row for its key, but not its body.
    let (oldest, newest) = match list {
        RecordList::Deliveries => ("SELECT min(seq) FROM deliveries", "deliveries"),
        _ => ("SELECT min(event) FROM bodies", "events"),
    };
    let oldest: Option<i64> = conn
        .prepare_cached(oldest)?
        .query_row([], |row| row.get(0))?;
    let newest = conn
        .prepare_cached(&format!(
            "SELECT seq FROM {newest} ORDER BY seq DESC LIMIT 1"
        ))?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(oldest.zip(newest))
}
