//! Operations on their way through the writer, and how their callers get their answers.

use std::marker::PhantomData;

use rusqlite::Result;

use super::operation::Operation;
use super::transaction::Transaction;
use crate::LedgerError;
use crate::engine::Weighted;

/// An operation of any kind with the place for its answer, which is sent when the commit is
/// through. The caller is answered exactly once: with [`LedgerError::Closed`] where the task
/// is dropped without an answer (the queue was closed, the writer ended).
pub(crate) trait AnyTask: Send {
    /// See [`Operation::weight`].
    fn weight(&self) -> usize;

    /// Applies the operation and keeps the answer.
    fn apply(&mut self, tx: &mut Transaction<'_>) -> Result<()>;

    /// Makes this error the answer.
    fn fail(&mut self, error: LedgerError);

    /// Answers the caller: with the answer that was kept or, where the commit failed, with
    /// that failure.
    fn finish(self: Box<Self>, failed: Option<&LedgerError>);

    /// See [`Operation::before_transaction`].
    #[cfg(test)]
    fn before_transaction(&self, conn: &rusqlite::Connection) -> Result<()>;
}

impl Weighted for Box<dyn AnyTask> {
    fn weight(&self) -> usize {
        (**self).weight()
    }
}

/// Makes a task of an operation. `then` is called once, with the answer.
pub(crate) fn task<O, F>(operation: O, then: F) -> Box<dyn AnyTask>
where
    O: Operation,
    F: FnOnce(Answer<O>) + Send + 'static,
{
    // One allocation holds the request, the answer and the callback.
    Box::new(Task {
        operation,
        answer: None,
        reply: Reply {
            then: Some(then),
            answer: PhantomData,
        },
    })
}

/// The answer to the caller of an operation.
type Answer<O> = std::result::Result<<O as Operation>::Answer, LedgerError>;

struct Task<O: Operation, F: FnOnce(Answer<O>)> {
    operation: O,
    answer: Option<Answer<O>>,
    reply: Reply<O, F>,
}

impl<O, F> AnyTask for Task<O, F>
where
    O: Operation,
    F: FnOnce(Answer<O>) + Send,
{
    fn weight(&self) -> usize {
        self.operation.weight()
    }

    fn apply(&mut self, tx: &mut Transaction<'_>) -> Result<()> {
        self.answer = Some(Ok(self.operation.apply(tx)?));
        Ok(())
    }

    fn fail(&mut self, error: LedgerError) {
        self.answer = Some(Err(error));
    }

    fn finish(self: Box<Self>, failed: Option<&LedgerError>) {
        let answer = match failed {
            Some(error) => Err(error.clone()),
            None => self.answer.unwrap_or(Err(LedgerError::Closed)),
        };
        self.reply.send(answer);
    }

    #[cfg(test)]
    fn before_transaction(&self, conn: &rusqlite::Connection) -> Result<()> {
        self.operation.before_transaction(conn)
    }
}

/// Calls back exactly once.
struct Reply<O: Operation, F: FnOnce(Answer<O>)> {
    then: Option<F>,
    answer: PhantomData<fn(O)>,
}

impl<O: Operation, F: FnOnce(Answer<O>)> Reply<O, F> {
    fn send(mut self, answer: Answer<O>) {
        if let Some(then) = self.then.take() {
            then(answer);
        }
    }
}

impl<O: Operation, F: FnOnce(Answer<O>)> Drop for Reply<O, F> {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(Err(LedgerError::Closed));
        }
    }
}
