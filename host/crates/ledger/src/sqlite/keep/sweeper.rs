//! Finding events that have been kept long enough, a page at a time and without the writer.
//!
//! A sweep consists of passes, one for each kind of work. A pass goes over the events in the
//! order of arrival, from where the last sweep ended, up to the events that are too young. An
//! event that is old enough but has not ended is remembered, and the next sweep looks at it
//! again. If there are too many of them to remember, the next sweep goes over them once more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

use super::judge::Kind;
use super::pace::{self, StepCost, SweepPace};
use super::pass::{self, Pass};
use super::step::{StepResult, SweepStep, Work};
use super::vacuum;
use crate::engine::PAGE;
use crate::{Retention, Swept};
use tollgate_base::time::Ages;

/// There is much to do if so many events of a page are ready.
const MUCH: usize = PAGE / 2;

/// The pause after a step that only read.
const AFTER_READ: Duration = Duration::from_millis(5);

/// The writer is busy if more operations than these wait.
const BUSY: usize = 32;

/// Steps that are put off in a row while the writer is busy. A gateway that is always busy
/// must prune, too.
const PUT_OFF: u32 = 4;

/// How often the files are cleaned of removed bytes while nobody waits for that.
const SCRUB_EVERY: Duration = Duration::from_secs(600);

/// How far the sweeps of a ledger have come.
pub(crate) struct Sweeper {
    retention: Arc<Retention>,
    passes: Vec<Pass>,
    /// The ages when the present sweep began. Events that fall due later are left for the next
    /// sweep, so that each sweep comes to its end.
    began: Option<Ages>,
    /// The index of the present pass.
    at: usize,
    /// Whether the present pass has looked at everything.
    pass_ended: bool,
    /// Events that the present pass has found and the writer has not seen yet.
    found: VecDeque<i64>,
    /// Whether the last page had much to do.
    much: bool,
    pace: SweepPace,
    put_off: u32,
    /// Whether something was removed since the files were last cleaned.
    dirty: bool,
    scrubbed: Instant,
}

impl Sweeper {
    /// A sweeper that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            retention: Arc::default(),
            passes: Vec::new(),
            began: None,
            at: 0,
            pass_ended: false,
            found: VecDeque::new(),
            much: false,
            pace: SweepPace::new(),
            put_off: 0,
            dirty: false,
            scrubbed: Instant::now(),
        }
    }

    /// Begins anew if `retention` has changed.
    pub(crate) fn follow(&mut self, retention: &Arc<Retention>) {
        if Arc::ptr_eq(&self.retention, retention) {
            return;
        }
        if self.retention != *retention || self.passes.is_empty() {
            self.passes = passes(retention);
            self.began = None;
            self.at = 0;
            self.pass_ended = false;
            self.found.clear();
        }
        self.retention = Arc::clone(retention);
    }

    /// Whether to let other operations go first, of which so many wait.
    pub(crate) fn puts_off(&mut self, waiting: usize) -> bool {
        let busy = waiting > BUSY;
        let put_off = busy && self.put_off < PUT_OFF;
        if busy {
            self.much = false;
            self.pace.slow_down();
        }
        self.put_off = if put_off { self.put_off + 1 } else { 0 };
        put_off
    }

    /// Looks at one page; returns the next step for the writer if there is one.
    pub(crate) fn next(&mut self, conn: &Connection, ages: Ages) -> Result<Option<SweepStep>> {
        let work = self.next_work(conn, ages)?;
        Ok(work.map(|work| SweepStep {
            retention: Arc::clone(&self.retention),
            work,
            rows: self.pace.rows(),
        }))
    }

    fn next_work(&mut self, conn: &Connection, ages: Ages) -> Result<Option<Work>> {
        let ages = ages.min(*self.began.get_or_insert(ages));
        while self.found.is_empty() {
            let Some(pass) = self.passes.get_mut(self.at) else {
                return Ok(None);
            };
            if matches!(pass.kind, Kind::GiveBack) {
                let pages = vacuum::spare_pages(conn)?;
                if pages == 0 {
                    self.at += 1;
                    continue;
                }
                return Ok(Some(Work::GiveBack(pages)));
            }
            if std::mem::take(&mut self.pass_ended) {
                pass::restart(pass);
                self.at += 1;
                continue;
            }
            self.pass_ended = pass::look(pass, conn, &self.retention, ages, &mut self.found)?;
            self.much = self.found.len() >= MUCH;
            if self.found.is_empty() {
                // One page a step, so that no read is long.
                return Ok(None);
            }
        }
        let events = self.found.iter().copied().collect();
        Ok(Some(match self.passes[self.at].kind {
            Kind::Erase(_) => Work::Erase(events),
            Kind::Prune => Work::Prune(events),
            Kind::ForgetNewest => Work::ForgetNewest(events),
            _ => Work::Forget(events),
        }))
    }

    /// The answer to a step that only read.
    pub(crate) fn only_read() -> Swept {
        Swept {
            more: true,
            rest: AFTER_READ,
            ..Swept::default()
        }
    }

    /// Notes the result of a step that the writer has done; `whole` is how long it took until
    /// the step was durable.
    pub(crate) fn done(&mut self, done: StepResult, whole: Duration) -> Swept {
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
            // Pages that cannot be given back now are left for the next sweep.
            Some(Kind::GiveBack) if done.changed == 0 => self.at += 1,
            Some(Kind::ForgetNewest | Kind::GiveBack) | None => {}
        }
        swept
    }

    fn rest(&mut self, done: &StepResult, whole: Duration) -> Duration {
        let pass = self.passes.get(self.at);
        if pass.is_some_and(|pass| matches!(pass.kind, Kind::GiveBack)) {
            return pace::rest_after(whole);
        }
        if !self.much {
            self.pace.slow_down();
            return pace::REST;
        }
        self.pace.go_on(StepCost {
            rows: done.rows,
            took: done.took,
            whole,
        })
    }

    /// Whether the sweep has come to its end. Then the next step begins a new sweep.
    pub(crate) fn ends(&mut self) -> bool {
        let ended = self.at >= self.passes.len() && self.found.is_empty();
        if ended {
            self.began = None;
            self.at = 0;
        }
        ended
    }

    /// Whether to clean the files of removed bytes now.
    pub(crate) fn wants_scrub(&self) -> bool {
        self.dirty && self.scrubbed.elapsed() >= SCRUB_EVERY
    }

    /// Notes that the files were cleaned.
    pub(crate) fn scrubbed(&mut self) {
        self.dirty = false;
        self.scrubbed = Instant::now();
    }
}

/// The passes of a sweep.
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
