//! Finding events that have been kept long enough, a page at a time and without the writer.
//!
//! A sweep consists of passes, one for each kind of work. Each gateway sweeps; the writer's
//! operation judges again, so that two that sweep at once do no harm.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::history::EventRow;
use super::judge::Kind;
use super::step::{EVENTS, StepResult, SweepStep, Work};
use crate::engine::{PAGE, Pass, Verdict};
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::{Retention, Swept};
use tollgate_base::time::Ages;

/// The pause after a step that only read.
const AFTER_READ: Duration = Duration::from_millis(5);

/// The pause after a step that wrote: the step held up all gateways.
const AFTER_WRITE: Duration = Duration::from_millis(50);

/// How far the sweeps of a ledger have come.
#[derive(Default)]
pub(crate) struct Sweeper {
    retention: Arc<Retention>,
    passes: Vec<Pass<Kind>>,
    /// The ages when the present sweep began. Events that fall due later are left for the next
    /// sweep, so that each sweep comes to its end.
    began: Option<Ages>,
    /// The index of the present pass.
    at: usize,
    /// Whether the present pass has looked at everything.
    pass_ended: bool,
    /// Events that the present pass has found and the writer has not seen yet.
    found: VecDeque<i64>,
    /// How many of these the present step takes.
    taken: usize,
}

impl Sweeper {
    /// Begins anew if `retention` has changed.
    pub(crate) fn follow(&mut self, retention: &Arc<Retention>) {
        if Arc::ptr_eq(&self.retention, retention) {
            return;
        }
        if self.retention != *retention || self.passes.is_empty() {
            *self = Self {
                passes: passes(retention),
                ..Self::default()
            };
        }
        self.retention = Arc::clone(retention);
    }

    /// Looks at one page; returns the next step for the writer if there is one.
    pub(crate) async fn next(
        &mut self,
        conn: &Connection,
        ages: Ages,
    ) -> Result<Option<SweepStep>, Fault> {
        let ages = ages.min(*self.began.get_or_insert(ages));
        while self.found.is_empty() {
            let Some(pass) = self.passes.get_mut(self.at) else {
                return Ok(None);
            };
            if std::mem::take(&mut self.pass_ended) {
                pass.restart();
                self.at += 1;
                continue;
            }
            if matches!(pass.kind, Kind::ForgetNewest) {
                return Ok(Some(self.step(Work::ForgetNewest)));
            }
            self.pass_ended = look(pass, conn, &self.retention, ages, &mut self.found).await?;
            if self.found.is_empty() {
                // One page a step, so that no read is long.
                return Ok(None);
            }
        }
        let events: Vec<i64> = self.found.iter().take(EVENTS).copied().collect();
        self.taken = events.len();
        let work = match self.passes[self.at].kind {
            Kind::Erase(_) => Work::Erase(events),
            Kind::Prune => Work::Prune(events),
            _ => Work::Forget(events),
        };
        Ok(Some(self.step(work)))
    }

    fn step(&self, work: Work) -> SweepStep {
        SweepStep {
            retention: Arc::clone(&self.retention),
            work,
        }
    }

    /// The answer to a step that only read.
    pub(crate) fn only_read() -> Swept {
        Swept {
            more: true,
            rest: AFTER_READ,
            ..Swept::default()
        }
    }

    /// Notes the result of a step that the writer has done.
    pub(crate) fn done(&mut self, done: StepResult) -> Swept {
        self.found.drain(..self.taken);
        self.taken = 0;
        let mut swept = Swept {
            more: true,
            rest: AFTER_WRITE,
            ..Swept::default()
        };
        let Some(pass) = self.passes.get_mut(self.at) else {
            return swept;
        };
        done.refused.iter().for_each(|seq| pass.remember(*seq));
        match pass.kind {
            Kind::Erase(_) => swept.erased = done.changed,
            Kind::Prune => swept.pruned = done.changed,
            Kind::Forget(_) | Kind::ForgetEmitted => swept.forgotten = done.changed,
            Kind::ForgetNewest => self.pass_ended = done.changed < EVENTS as u64,
        }
        swept
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
}

/// Looks at one page and adds the events that are ready to `found`; returns whether the pass has
/// come to its end.
async fn look(
    pass: &mut Pass<Kind>,
    conn: &Connection,
    retention: &Retention,
    ages: Ages,
    found: &mut VecDeque<i64>,
) -> Result<bool, Fault> {
    if let Some(again) = pass.again() {
        let events = EventRow::find(conn, &again).await?;
        let mut verdicts = pass.kind.judge(conn, retention, &events, ages).await?;
        let is_there = |seq: &i64| events.iter().any(|event| event.seq == *seq);
        let gone = again.iter().filter(|seq| !is_there(seq));
        verdicts.extend(gone.map(|seq| (*seq, Verdict::Done)));
        pass.take_again(&verdicts, found);
        return Ok(false);
    }
    let page = EventRow::after(conn, pass.after, PAGE).await?;
    let verdicts = pass.kind.judge(conn, retention, &page, ages).await?;
    Ok(pass.take(&verdicts, found))
}

/// The passes of a sweep.
fn passes(retention: &Retention) -> Vec<Pass<Kind>> {
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
    kinds.into_iter().map(Pass::new).collect()
}
