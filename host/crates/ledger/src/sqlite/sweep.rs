//! Finding what has been kept long enough, a page at a time and without the writer.
//!
//! Each pass goes over the events in the order of arrival, from where it was last, up to
//! those that are too young. What is old enough but has not ended is remembered and looked
//! at again by the next sweep; where that is too much to remember, the next sweep begins
//! there once more. The writer judges each event again before it does anything to it.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

use super::erase::is_erasable;
use super::history::{EventRow, History};
use super::op::{SweepDone, SweepWork};
use super::order;
use super::prune::{free_pages, is_forgettable, is_prunable, oldest};
use super::sweep_pace::{self, Step, SweepPace};
use crate::{Keys, Retention, Swept};
use tollgate_base::event::SourceName;
use tollgate_base::time::Ages;

/// Rows of events that one step reads.
const PAGE: usize = 500;

/// With so many events of a page ready, there is much to do.
const MANY: usize = PAGE / 2;

/// The pause after a step that only read.
const AFTER_READ: Duration = Duration::from_millis(5);

/// Events that a pass remembers to look at again.
const REMEMBERED: usize = 10_000;

/// Steps that are put off in a row while the writer is busy. A gateway that is busy for good
/// must prune all the same.
const PUT_OFF: u32 = 4;

/// Free pages that are kept for what comes, beside a part of the file: 8 MB.
const RESERVE: i64 = 1024;

/// The part of the file that may be free before some of it is given back.
const RESERVE_PART: i64 = 8;

/// Pages that one step gives back: half a megabyte.
const GIVE_BACK: i64 = 64;

/// How often the files are cleaned of what was removed, when nobody waits for it.
const SCRUB_EVERY: Duration = Duration::from_secs(600);

/// Where the sweeps of a ledger stand.
pub(super) struct Sweeper {
    retention: Arc<Retention>,
    passes: Vec<Pass>,
    /// When the sweep under way began: what falls due later is the next one's, so that each
    /// comes to its end.
    began: Option<Ages>,
    /// The pass that is under way.
    at: usize,
    /// Whether it has looked at everything.
    over: bool,
    /// What it has found and the writer has not seen yet.
    found: VecDeque<i64>,
    /// It has found much.
    many: bool,
    pace: SweepPace,
    put_off: u32,
    /// Something was removed since the files were last cleaned.
    dirty: bool,
    scrubbed: Instant,
}

/// One kind of work, for all that it concerns.
struct Pass {
    kind: Kind,
    /// Everything up to here has been looked at.
    after: i64,
    /// What of it has not ended.
    left: BTreeSet<i64>,
    /// The first that could not be remembered.
    lost: Option<i64>,
    /// Up to where those that are left have been looked at again; none when all have.
    revisited: Option<i64>,
}

#[derive(Clone)]
enum Kind {
    Erase(SourceName),
    Prune,
    Forget(SourceName),
    ForgetEmitted,
    ForgetNewest,
    GiveBack,
}

/// What an event is to a pass.
enum Verdict {
    /// Its work is to be done.
    Ready,
    /// Its time has come, but it has not ended.
    NotEnded,
    /// Its time has not come.
    Young,
    /// It was done before, or will be by another pass.
    Done,
    /// It is none of the pass's concern.
    Foreign,
}

impl Sweeper {
    pub(super) fn new() -> Self {
        Self {
            retention: Arc::default(),
            passes: Vec::new(),
            began: None,
            at: 0,
            over: false,
            found: VecDeque::new(),
            many: false,
            pace: SweepPace::new(),
            put_off: 0,
            dirty: false,
            scrubbed: Instant::now(),
        }
    }

    /// Begins anew where what is asked for has changed.
    pub(super) fn follow(&mut self, retention: &Arc<Retention>) {
        if Arc::ptr_eq(&self.retention, retention) {
            return;
        }
        if self.retention != *retention || self.passes.is_empty() {
            self.passes = passes(retention);
            self.began = None;
            self.at = 0;
            self.over = false;
            self.found.clear();
        }
        self.retention = Arc::clone(retention);
    }

    /// Whether to let others go first.
    pub(super) fn puts_off(&mut self, busy: bool) -> bool {
        let put_off = busy && self.put_off < PUT_OFF;
        if busy {
            self.many = false;
            self.pace.slow_down();
        }
        self.put_off = if put_off { self.put_off + 1 } else { 0 };
        put_off
    }

    /// The next piece of work, if this step found any.
    pub(super) fn next(&mut self, conn: &Connection, ages: Ages) -> Result<Option<SweepWork>> {
        let ages = ages.min(*self.began.get_or_insert(ages));
        while self.found.is_empty() {
            let Some(pass) = self.passes.get_mut(self.at) else {
                return Ok(None);
            };
            if matches!(pass.kind, Kind::GiveBack) {
                let pages = spare_pages(conn)?;
                if pages == 0 {
                    self.at += 1;
                    continue;
                }
                return Ok(Some(SweepWork::GiveBack(pages)));
            }
            if std::mem::take(&mut self.over) {
                pass.begin_anew();
                self.at += 1;
                continue;
            }
            self.over = pass.look(conn, &self.retention, ages, &mut self.found)?;
            self.many = self.found.len() >= MANY;
            if self.found.is_empty() {
                // One page a step, so that no read is long.
                return Ok(None);
            }
        }
        let events = self.found.iter().copied().collect();
        Ok(Some(match self.passes[self.at].kind {
            Kind::Erase(_) => SweepWork::Erase(events),
            Kind::Prune => SweepWork::Prune(events),
            Kind::ForgetNewest => SweepWork::ForgetNewest(events),
            _ => SweepWork::Forget(events),
        }))
    }

    /// How many rows the next piece of work may change.
    pub(super) fn rows(&self) -> u64 {
        self.pace.rows()
    }

    /// What a step came to that only read.
    pub(super) fn only_read() -> Swept {
        Swept {
            more: true,
            rest: AFTER_READ,
            ..Swept::default()
        }
    }

    /// Notes what the writer did, and that it took so long until that was durable.
    pub(super) fn done(&mut self, done: SweepDone, whole: Duration) -> Swept {
        self.found.drain(..done.seen.min(self.found.len()));
        if let Some(pass) = self.passes.get_mut(self.at) {
            done.refused.iter().for_each(|seq| pass.remember(*seq));
        }
        let mut swept = Swept {
            more: true,
            rest: self.rest(&done, whole),
            ..Swept::default()
        };
        self.dirty |= done.changed > 0;
        match self.passes.get(self.at).map(|pass| &pass.kind) {
            Some(Kind::Erase(_)) => swept.erased = done.changed,
            Some(Kind::Prune) => swept.pruned = done.changed,
            Some(Kind::Forget(_) | Kind::ForgetEmitted) => swept.forgotten = done.changed,
            // What cannot be given back now is left for the next sweep.
            Some(Kind::GiveBack) if done.changed == 0 => self.at += 1,
            Some(Kind::ForgetNewest | Kind::GiveBack) | None => {}
        }
        swept
    }

    fn rest(&mut self, done: &SweepDone, whole: Duration) -> Duration {
        let pass = self.passes.get(self.at);
        if pass.is_some_and(|pass| matches!(pass.kind, Kind::GiveBack)) {
            return sweep_pace::rest_after(whole);
        }
        if !self.many {
            self.pace.slow_down();
            return sweep_pace::REST;
        }
        self.pace.go_on(Step {
            rows: done.rows,
            took: done.took,
            whole,
        })
    }

    /// Whether the sweep has come to its end; the next step begins a new one.
    pub(super) fn ends(&mut self) -> bool {
        let ended = self.at >= self.passes.len() && self.found.is_empty();
        if ended {
            self.began = None;
            self.at = 0;
        }
        ended
    }

    /// Whether the files are to be cleaned of what was removed.
    pub(super) fn wants_scrub(&self) -> bool {
        self.dirty && self.scrubbed.elapsed() >= SCRUB_EVERY
    }

    pub(super) fn scrubbed(&mut self) {
        self.dirty = false;
        self.scrubbed = Instant::now();
    }
}

/// The passes that a sweep consists of.
fn passes(retention: &Retention) -> Vec<Pass> {
    let mut kinds = Vec::new();
    for (name, source) in &retention.sources {
        if source.erase.is_some() {
            kinds.push(Kind::Erase(name.clone()));
        }
    }
    if retention.events.is_some() {
        kinds.push(Kind::Prune);
        for (name, source) in &retention.sources {
            if source.keys.is_some() {
                kinds.push(Kind::Forget(name.clone()));
            }
        }
        kinds.push(Kind::ForgetEmitted);
        kinds.push(Kind::ForgetNewest);
    }
    kinds.push(Kind::GiveBack);
    kinds.into_iter().map(Pass::new).collect()
}

impl Pass {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            after: 0,
            left: BTreeSet::new(),
            lost: None,
            revisited: None,
        }
    }

    /// Looks at one page; returns whether the pass has come to its end.
    fn look(
        &mut self,
        conn: &Connection,
        retention: &Retention,
        ages: Ages,
        found: &mut VecDeque<i64>,
    ) -> Result<bool> {
        if matches!(self.kind, Kind::ForgetNewest) {
            return self.look_for_newest(conn, found);
        }
        if let Some(from) = self.revisited {
            self.look_again(conn, retention, ages, from, found)?;
            return Ok(false);
        }
        let page = EventRow::after(conn, self.after, PAGE)?;
        let full = page.len() == PAGE;
        let mut young = Vec::new();
        let mut any_old = false;
        for event in page {
            let verdict = self.judge(conn, retention, &event, ages)?;
            match verdict {
                Verdict::Young => young.push(event.seq),
                Verdict::Foreign if young.is_empty() => self.after = event.seq,
                Verdict::Foreign => {}
                Verdict::Ready | Verdict::NotEnded | Verdict::Done => {
                    // Young ones before an old one come of a step of the clock.
                    young.drain(..).for_each(|seq| self.remember(seq));
                    any_old = true;
                    self.after = event.seq;
                }
            }
            match verdict {
                Verdict::Ready => found.push_back(event.seq),
                Verdict::NotEnded => self.remember(event.seq),
                _ => {}
            }
        }
        Ok(!full || !young.is_empty() && !any_old)
    }

    /// Looks at a page of the events that were the last of a key, before those that are kept.
    fn look_for_newest(&mut self, conn: &Connection, found: &mut VecDeque<i64>) -> Result<bool> {
        let end = oldest(conn)?.unwrap_or(i64::MAX);
        let page = order::last_ended(conn, self.after, end, PAGE)?;
        self.after = page.last().copied().unwrap_or(self.after);
        let full = page.len() == PAGE;
        found.extend(page);
        Ok(!full)
    }

    /// Looks at a page of those that had not ended.
    fn look_again(
        &mut self,
        conn: &Connection,
        retention: &Retention,
        ages: Ages,
        from: i64,
        found: &mut VecDeque<i64>,
    ) -> Result<()> {
        let page: Vec<i64> = self
            .left
            .range((Bound::Excluded(from), Bound::Unbounded))
            .take(PAGE)
            .copied()
            .collect();
        self.revisited = page.last().copied();
        for seq in page {
            let verdict = match EventRow::find(conn, seq)? {
                Some(event) => self.judge(conn, retention, &event, ages)?,
                None => Verdict::Done,
            };
            if !matches!(verdict, Verdict::NotEnded | Verdict::Young) {
                self.left.remove(&seq);
            }
            if matches!(verdict, Verdict::Ready) {
                found.push_back(seq);
            }
        }
        Ok(())
    }

    fn remember(&mut self, seq: i64) {
        if self.left.len() < REMEMBERED {
            self.left.insert(seq);
        } else {
            self.lost.get_or_insert(seq);
        }
    }

    /// Makes ready for the next sweep.
    fn begin_anew(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.after = lost - 1;
        }
        if matches!(self.kind, Kind::ForgetNewest) {
            // Some keys may have had something to run.
            self.after = 0;
        }
        self.revisited = (!self.left.is_empty()).then_some(0);
    }

    fn judge(
        &self,
        conn: &Connection,
        retention: &Retention,
        event: &EventRow,
        ages: Ages,
    ) -> Result<Verdict> {
        match &self.kind {
            Kind::Erase(of) | Kind::Forget(of) if *event.source != *of.as_str() => {
                Ok(Verdict::Foreign)
            }
            Kind::Erase(_) => judge_erasing(conn, retention, event, ages),
            Kind::Prune => judge_pruning(conn, retention, event, ages),
            Kind::Forget(_) => Ok(judge_forgetting(retention, event, ages)),
            Kind::ForgetEmitted if retention.keys(&event.source) != Keys::WhileEmittable => {
                Ok(Verdict::Foreign)
            }
            Kind::ForgetEmitted => {
                let needed = event.pruned.is_none()
                    || oldest(conn)?.is_some_and(|oldest| oldest < event.seq);
                Ok(if needed {
                    Verdict::Young
                } else {
                    Verdict::Ready
                })
            }
            Kind::ForgetNewest | Kind::GiveBack => Ok(Verdict::Foreign),
        }
    }
}

fn judge_erasing(
    conn: &Connection,
    retention: &Retention,
    event: &EventRow,
    ages: Ages,
) -> Result<Verdict> {
    match retention.erasure(&event.source) {
        Some(erasure) if event.erased.is_none() && event.pruned.is_none() => {
            let old = is_older(event, erasure.after, ages);
            ended(conn, event, old, |history| {
                is_erasable(erasure, event, history, ages)
            })
        }
        _ => Ok(Verdict::Done),
    }
}

fn judge_pruning(
    conn: &Connection,
    retention: &Retention,
    event: &EventRow,
    ages: Ages,
) -> Result<Verdict> {
    match retention.events {
        Some(keep) if event.pruned.is_none() => {
            let old = is_older(event, keep, ages);
            ended(conn, event, old, |history| {
                is_prunable(retention, event, history, ages)
            })
        }
        _ => Ok(Verdict::Done),
    }
}

fn judge_forgetting(retention: &Retention, event: &EventRow, ages: Ages) -> Verdict {
    let Keys::For(period) = retention.keys(&event.source) else {
        return Verdict::Done;
    };
    let forgettable = is_forgettable(event, period, ages);
    match (forgettable, event.pruned) {
        (true, Some(_)) => Verdict::Ready,
        // Its key goes with it when it is pruned, unless it arrives once more until then.
        (true, None) => Verdict::NotEnded,
        // Its last arrival was late.
        (false, _) if is_older(event, period, ages) => Verdict::NotEnded,
        (false, _) => Verdict::Young,
    }
}

fn is_older(event: &EventRow, period: Duration, ages: Ages) -> bool {
    ages.is_past(event.received, period)
}

/// The verdict on an event that is `old` enough if it has ended in a way that `is_ready`.
fn ended(
    conn: &Connection,
    event: &EventRow,
    old: bool,
    is_ready: impl FnOnce(&History) -> bool,
) -> Result<Verdict> {
    if !old {
        return Ok(Verdict::Young);
    }
    let history = History::of(conn, event)?;
    Ok(match history {
        Some(history) if is_ready(&history) => Verdict::Ready,
        _ => Verdict::NotEnded,
    })
}

/// How many pages to give back now.
fn spare_pages(conn: &Connection) -> Result<u32> {
    let free = free_pages(conn)?;
    let pages: i64 = conn
        .prepare_cached("PRAGMA page_count")?
        .query_row([], |row| row.get(0))?;
    let spare = free - RESERVE.max(pages / RESERVE_PART);
    Ok(u32::try_from(spare.clamp(0, GIVE_BACK)).unwrap_or(0))
}
