//! Operations on their way through the writer, and how their callers get their answers.

use std::pin::Pin;

use crate::engine::Weighted;
use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::operations::Record;
use crate::postgres::transaction::{Operation, Tx};
use crate::{LedgerError, Recorded};
use tollgate_base::event::HandlerName;

/// What the writer is to do, with the place for the answer.
pub(crate) enum Task {
    /// Events are recorded for many callers at once.
    Record(RecordTask),
    /// Any other operation.
    Other(Box<dyn AnyTask>),
}

impl Weighted for Task {
    fn weight(&self) -> usize {
        match self {
            Self::Record(record) => record.operation.weight(),
            Self::Other(other) => other.weight(),
        }
    }
}

impl Task {
    /// What the task locks.
    pub(super) fn locks(&self) -> Locks {
        match self {
            Self::Record(record) => record.operation.locks(),
            Self::Other(other) => other.locks(),
        }
    }

    /// The handlers that the task names.
    pub(super) fn handlers(&self) -> Vec<&HandlerName> {
        match self {
            Self::Record(record) => record.operation.handlers(),
            Self::Other(other) => other.handlers(),
        }
    }

    /// Answers the caller: with the answer that was kept or, where the commit failed, with that
    /// failure.
    pub(super) fn finish(self, failed: Option<&LedgerError>) {
        match self {
            Self::Record(record) => record.reply.send(answer(record.answer.map(Ok), failed)),
            Self::Other(other) => other.finish(failed),
        }
    }
}

fn answer<A>(
    kept: Option<Result<A, LedgerError>>,
    failed: Option<&LedgerError>,
) -> Result<A, LedgerError> {
    match failed {
        Some(error) => Err(error.clone()),
        None => kept.unwrap_or(Err(LedgerError::Closed)),
    }
}

/// Events of one request.
pub(crate) struct RecordTask {
    pub(super) operation: Record,
    pub(super) answer: Option<Vec<Recorded>>,
    reply: Reply<Vec<Recorded>>,
}

impl RecordTask {
    /// Calls `then` once, with the answer.
    pub(crate) fn new(
        operation: Record,
        then: impl FnOnce(Result<Vec<Recorded>, LedgerError>) + Send + 'static,
    ) -> Self {
        Self {
            operation,
            answer: None,
            reply: Reply(Some(Box::new(then))),
        }
    }
}

/// What [`AnyTask::apply`] returns.
pub(crate) type Applying<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// An operation of any kind with the place for its answer. The caller is answered exactly once:
/// with [`LedgerError::Closed`] where the task is dropped without an answer.
pub(crate) trait AnyTask: Send {
    /// See [`Operation::weight`].
    fn weight(&self) -> usize;

    /// See [`Operation::locks`].
    fn locks(&self) -> Locks;

    /// See [`Operation::handlers`].
    fn handlers(&self) -> Vec<&HandlerName>;

    /// See [`Operation::completes`].
    fn completes(&self) -> Option<i64>;

    /// Applies the operation and keeps the answer.
    fn apply<'a>(&'a mut self, tx: &'a mut Tx) -> Applying<'a>;

    /// Answers the caller.
    fn finish(self: Box<Self>, failed: Option<&LedgerError>);
}

/// Makes a task of an operation. `then` is called once, with the answer.
pub(crate) fn task<O: Operation>(
    operation: O,
    then: impl FnOnce(Result<O::Answer, LedgerError>) + Send + 'static,
) -> Task {
    Task::Other(Box::new(Other {
        operation,
        answer: None,
        reply: Reply(Some(Box::new(then))),
    }))
}

struct Other<O: Operation> {
    operation: O,
    answer: Option<O::Answer>,
    reply: Reply<O::Answer>,
}

impl<O: Operation> AnyTask for Other<O> {
    fn weight(&self) -> usize {
        self.operation.weight()
    }

    fn locks(&self) -> Locks {
        self.operation.locks()
    }

    fn handlers(&self) -> Vec<&HandlerName> {
        self.operation.handlers()
    }

    fn completes(&self) -> Option<i64> {
        self.operation.completes()
    }

    fn apply<'a>(&'a mut self, tx: &'a mut Tx) -> Applying<'a> {
        Box::pin(async move {
            self.answer = Some(self.operation.apply(tx).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, failed: Option<&LedgerError>) {
        self.reply.send(answer(self.answer.map(Ok), failed));
    }
}

type Then<A> = Box<dyn FnOnce(Result<A, LedgerError>) + Send>;

/// Calls back exactly once.
struct Reply<A>(Option<Then<A>>);

impl<A> Reply<A> {
    fn send(mut self, answer: Result<A, LedgerError>) {
        if let Some(then) = self.0.take() {
            then(answer);
        }
    }
}

impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(LedgerError::Closed));
        }
    }
}
