//! What callers ask of the writer, and how they get their answers.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::excuse::Excuse;
use super::pauses::PauseRequest;
use crate::{
    Address, Completed, Completion, DeliverySeq, DeliveryState, Erased, Fired, Intervened,
    Intervention, LedgerError, NewEvent, Recipient, Recorded, Retention, ScheduleWrite, Settlement,
    Turn,
};
use tollgate_base::event::{DedupKey, Event, EventId, HandlerName};
use tollgate_base::time::WallTime;

/// Calls back exactly once: with an answer, or, when it is dropped without one (the
/// queue was closed, the writer ended), with [`LedgerError::Closed`].
pub(super) struct Reply<T>(Option<ReplyFn<T>>);

type ReplyFn<T> = Box<dyn FnOnce(Result<T, LedgerError>) + Send>;

impl<T> Reply<T> {
    pub(super) fn new(then: ReplyFn<T>) -> Self {
        Self(Some(then))
    }

    fn send(mut self, answer: Result<T, LedgerError>) {
        if let Some(then) = self.0.take() {
            then(answer);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(LedgerError::Closed));
        }
    }
}

/// A request to the writer with the place for its answer, which is sent when the
/// commit is through.
pub(super) struct Task<R, T> {
    pub(super) request: R,
    pub(super) answer: Option<Result<T, LedgerError>>,
    reply: Reply<T>,
}

impl<R, T> Task<R, T> {
    pub(super) fn new(request: R, reply: Reply<T>) -> Self {
        Self {
            request,
            answer: None,
            reply,
        }
    }

    fn finish(self, failed: Option<&LedgerError>) {
        let answer = match failed {
            Some(error) => Err(error.clone()),
            None => self.answer.unwrap_or(Err(LedgerError::Closed)),
        };
        self.reply.send(answer);
    }
}

/// An event to be recorded, with everything that can be made ready off the writer's
/// thread.
pub(super) struct Prepared {
    pub(super) event: Arc<Event>,
    pub(super) dedup: DedupKey,
    pub(super) also: Vec<DedupKey>,
    pub(super) handlers: Vec<Recipient>,
    /// Headers and metadata as JSON.
    pub(super) headers: String,
    pub(super) metadata: String,
}

impl From<NewEvent> for Prepared {
    fn from(new: NewEvent) -> Self {
        Self {
            headers: pairs_to_json(&new.event.headers),
            metadata: pairs_to_json(&new.event.metadata),
            event: Arc::new(new.event),
            dedup: new.dedup,
            also: new.also,
            handlers: new.handlers,
        }
    }
}

/// Names and values as a JSON array of pairs, which keeps their order and repetitions.
pub(super) fn pairs_to_json(pairs: &impl Serialize) -> String {
    serde_json::to_string(pairs).expect("pairs of strings always have a JSON form")
}

/// What a change of the set of handlers came to, as far as one transaction went.
#[derive(Clone, Copy, Default)]
pub(super) struct HoldStep {
    pub(super) held: u64,
    pub(super) released: u64,
    /// Whether there may be more to do.
    pub(super) more: bool,
}

/// A delivery that is still due gets a state without an attempt having ended.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) delivery: DeliverySeq,
    pub(super) to: DeliveryState,
    /// What that means for later ones of its key.
    pub(super) turn: Turn,
}

/// A bounded piece of what retention asks for.
pub(super) struct Sweeping {
    pub(super) retention: Arc<Retention>,
    pub(super) work: SweepWork,
    /// How many rows may be changed, about.
    pub(super) rows: u64,
}

/// What is to be done to events that seemed ready for it.
pub(super) enum SweepWork {
    /// They are pruned.
    Prune(Vec<i64>),
    /// Their payloads are erased or redacted.
    Erase(Vec<i64>),
    /// The last that is left of them, the key, is removed.
    Forget(Vec<i64>),
    /// The newest facts of keys are forgotten of which these events were the last.
    ForgetNewest(Vec<i64>),
    /// So many free pages at the file's end are given back.
    GiveBack(u32),
}

/// What a piece of a sweep came to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct SweepDone {
    /// How many of the events were looked at; the others are left for the next piece.
    pub(super) seen: usize,
    /// To how many of them something was done.
    pub(super) changed: u64,
    /// Those that were not ready after all: something happened to them meanwhile.
    pub(super) refused: Vec<i64>,
    /// Rows that were changed.
    pub(super) rows: u64,
    /// What that took.
    pub(super) took: Duration,
}

/// One operation of the writer.
pub(super) enum Op {
    Record(Task<Vec<Prepared>, Vec<Recorded>>),
    Complete(Box<Task<CompletionRequest, Completed>>),
    Settle(Box<Task<SettlementRequest, ()>>),
    Hold(Task<Vec<HandlerName>, HoldStep>),
    Mark(Task<Mark, ()>),
    Intervene(Box<Task<Intervention, Vec<Intervened>>>),
    /// Answers how many dead deliveries it let others pass.
    LetPass(Task<Vec<HandlerName>, u64>),
    Fire(Task<FireRequest, Fired>),
    Sweep(Box<Task<Sweeping, SweepDone>>),
    Erase(Task<EventId, Erased>),
    Pause(Task<PauseRequest, ()>),
    Excuse(Task<Excuse, u64>),
    KeepTime(Box<Task<tollgate_base::time::Mark, ()>>),
    #[cfg(test)]
    Test(Task<TestRequest, ()>),
}

/// Something that a test does to the writer's connection, outside of transactions.
#[cfg(test)]
pub(super) type TestRequest = fn(&rusqlite::Connection) -> rusqlite::Result<()>;

/// A completion with its emitted events made ready.
pub(super) struct CompletionRequest {
    pub(super) completion: Completion,
    pub(super) emitted: Vec<Prepared>,
}

impl From<Completion> for CompletionRequest {
    fn from(mut completion: Completion) -> Self {
        let emitted = std::mem::take(&mut completion.effects.emitted);
        Self {
            completion,
            emitted: emitted.into_iter().map(Prepared::from).collect(),
        }
    }
}

/// A settlement with its event made ready.
pub(super) struct SettlementRequest {
    pub(super) settlement: Settlement,
    pub(super) response: Option<Prepared>,
}

impl From<Settlement> for SettlementRequest {
    fn from(mut settlement: Settlement) -> Self {
        let response = settlement.response.take();
        Self {
            settlement,
            response: response.map(|event| Prepared::from(*event)),
        }
    }
}

/// What is due at this time is to be recorded.
pub(super) struct FireRequest {
    pub(super) now: WallTime,
    pub(super) address: Address,
}

/// What an operation weighs beside its bodies: rows, keys and names.
const BASE_WEIGHT: usize = 512;

impl Op {
    /// About how many bytes the operation holds and will write.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Record(task) => weight_of(&task.request),
            Self::Complete(task) => {
                let completion = &task.request.completion;
                let effects = &completion.effects;
                let state = effects.state.iter().map(|(key, write)| {
                    key.len()
                        + match write {
                            crate::StateWrite::Set(value) => value.len(),
                            _ => 0,
                        }
                });
                let outbox = effects.outbox.iter().map(|request| {
                    let headers: usize =
                        request.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
                    BASE_WEIGHT + request.url.len() + headers + request.body.len()
                });
                let schedule = effects.schedule.iter().map(|(key, write)| {
                    key.len()
                        + match write {
                            ScheduleWrite::Put(new) => BASE_WEIGHT + new.payload.len(),
                            ScheduleWrite::Cancel => 0,
                        }
                });
                BASE_WEIGHT
                    + completion.attempt.logs.len()
                    + state.sum::<usize>()
                    + outbox.sum::<usize>()
                    + schedule.sum::<usize>()
                    + weight_of(&task.request.emitted)
            }
            Self::Settle(task) => BASE_WEIGHT + weight_of(task.request.response.as_slice()),
            _ => BASE_WEIGHT,
        }
    }

    /// Answers the caller: with what the operation came to or, where the commit
    /// failed, with that.
    pub(super) fn finish(self, failed: Option<&LedgerError>) {
        match self {
            Self::Record(task) => task.finish(failed),
            Self::Complete(task) => task.finish(failed),
            Self::Settle(task) => task.finish(failed),
            Self::Hold(task) => task.finish(failed),
            Self::Mark(task) => task.finish(failed),
            Self::Intervene(task) => task.finish(failed),
            Self::LetPass(task) => task.finish(failed),
            Self::Fire(task) => task.finish(failed),
            Self::Sweep(task) => task.finish(failed),
            Self::Erase(task) => task.finish(failed),
            Self::Pause(task) => task.finish(failed),
            Self::Excuse(task) => task.finish(failed),
            Self::KeepTime(task) => task.finish(failed),
            #[cfg(test)]
            Self::Test(task) => task.finish(failed),
        }
    }

    /// Sets the answer to this error.
    pub(super) fn fail(&mut self, error: LedgerError) {
        match self {
            Self::Record(task) => task.answer = Some(Err(error)),
            Self::Complete(task) => task.answer = Some(Err(error)),
            Self::Settle(task) => task.answer = Some(Err(error)),
            Self::Hold(task) => task.answer = Some(Err(error)),
            Self::Mark(task) => task.answer = Some(Err(error)),
            Self::Intervene(task) => task.answer = Some(Err(error)),
            Self::LetPass(task) => task.answer = Some(Err(error)),
            Self::Fire(task) => task.answer = Some(Err(error)),
            Self::Sweep(task) => task.answer = Some(Err(error)),
            Self::Erase(task) => task.answer = Some(Err(error)),
            Self::Pause(task) => task.answer = Some(Err(error)),
            Self::Excuse(task) => task.answer = Some(Err(error)),
            Self::KeepTime(task) => task.answer = Some(Err(error)),
            #[cfg(test)]
            Self::Test(task) => task.answer = Some(Err(error)),
        }
    }
}

fn weight_of(events: &[Prepared]) -> usize {
    let each = events
        .iter()
        .map(|new| BASE_WEIGHT + new.headers.len() + new.metadata.len() + new.event.payload.len());
    each.sum()
}
