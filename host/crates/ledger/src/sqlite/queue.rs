//! The bounded queue before the writer.
//!
//! Bounded by the number of operations and by their bytes: a queue bounded by number
//! alone would hold gigabytes when every body is as large as the limit allows.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::op::Op;
use super::pace::{Patience, Wait};

/// Why an operation was not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// The queue is full.
    Full,
    /// The queue is closed.
    Closed,
}

/// Operations on their way to the writer.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// Signalled when the writer sleeps and there is something to do.
    filled: Condvar,
    /// Signalled when the writer has taken something out.
    freed: Condvar,
    max_ops: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Inner {
    ops: VecDeque<(usize, Op)>,
    bytes: usize,
    closed: bool,
    /// With how many operations the writer wants to be woken.
    wake_at: usize,
    /// How many producers wait for room.
    waiting: usize,
}

impl Queue {
    pub(super) fn new(max_ops: usize, max_bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            filled: Condvar::new(),
            freed: Condvar::new(),
            max_ops: max_ops.max(1),
            max_bytes,
        }
    }

    /// How many operations wait.
    pub(super) fn len(&self) -> usize {
        self.inner.lock().ops.len()
    }

    /// Queues the operation, or gives it back at once.
    pub(super) fn offer(&self, op: Op) -> Result<(), (Op, Refused)> {
        let weight = op.weight();
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err((op, Refused::Closed));
        }
        if self.is_full(&inner, weight) {
            return Err((op, Refused::Full));
        }
        self.push(&mut inner, weight, op);
        Ok(())
    }

    /// Queues the operation, waiting for room; gives it back if the queue is closed.
    pub(super) fn put(&self, op: Op) -> Result<(), Op> {
        let weight = op.weight();
        let mut inner = self.inner.lock();
        while !inner.closed && self.is_full(&inner, weight) {
            inner.waiting += 1;
            self.freed.wait(&mut inner);
            inner.waiting -= 1;
        }
        if inner.closed {
            return Err(op);
        }
        self.push(&mut inner, weight, op);
        Ok(())
    }

    /// Waits for work, then for as much more as `patience` says, and moves up to
    /// `max_ops` operations of about `max_bytes` into `batch`. `None` when the queue is
    /// closed and empty.
    pub(super) fn take(
        &self,
        batch: &mut Vec<Op>,
        (max_ops, max_bytes): (usize, usize),
        patience: Patience,
    ) -> Option<Wait> {
        let mut inner = self.inner.lock();
        // Those that came during the last commit, and those whom it answered.
        let expected = (inner.ops.len() + patience.expected).min(max_ops);
        while inner.ops.is_empty() {
            if inner.closed {
                return None;
            }
            inner.wake_at = 1;
            self.filled.wait(&mut inner);
        }
        let wait = self.wait_for(&mut inner, expected, patience.longest);
        inner.wake_at = usize::MAX;
        let mut bytes = 0;
        while batch.len() < max_ops && bytes < max_bytes {
            let Some((weight, op)) = inner.ops.pop_front() else {
                break;
            };
            bytes += weight;
            batch.push(op);
        }
        inner.bytes -= bytes;
        if inner.waiting > 0 {
            self.freed.notify_all();
        }
        Some(wait)
    }

    fn wait_for(
        &self,
        inner: &mut MutexGuard<'_, Inner>,
        expected: usize,
        longest: Duration,
    ) -> Wait {
        if inner.ops.len() >= expected || longest.is_zero() || inner.closed {
            return Wait::None;
        }
        inner.wake_at = expected;
        self.filled.wait_for(inner, longest);
        if inner.ops.len() >= expected {
            Wait::Rewarded
        } else {
            Wait::InVain
        }
    }

    /// Takes nothing in from now on; what is queued is still written.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_all();
        self.freed.notify_all();
    }

    /// Takes nothing in from now on and gives back what is queued.
    pub(super) fn abandon(&self) -> Vec<Op> {
        self.close();
        let mut inner = self.inner.lock();
        inner.bytes = 0;
        inner.ops.drain(..).map(|(_, op)| op).collect()
    }

    /// An operation larger than the whole queue is let in when it is alone.
    fn is_full(&self, inner: &Inner, weight: usize) -> bool {
        !inner.ops.is_empty()
            && (inner.ops.len() >= self.max_ops || inner.bytes + weight > self.max_bytes)
    }

    fn push(&self, inner: &mut Inner, weight: usize, op: Op) {
        inner.ops.push_back((weight, op));
        inner.bytes += weight;
        if inner.ops.len() >= inner.wake_at {
            // One sleep is ended by one signal.
            inner.wake_at = usize::MAX;
            self.filled.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::super::op::{Mark, Reply, Task};
    use super::*;
    use crate::{DeliverySeq, DeliveryState, Turn};

    /// An operation that weighs little.
    fn op(seq: i64) -> Op {
        Op::Mark(Task::new(
            Mark {
                delivery: DeliverySeq(seq),
                to: DeliveryState::Running,
                turn: Turn::default(),
            },
            Reply::new(Box::new(|_| ())),
        ))
    }

    fn take(queue: &Queue, max_ops: usize) -> Option<Vec<i64>> {
        let mut batch = Vec::new();
        let patience = Patience {
            expected: 0,
            longest: Duration::ZERO,
        };
        queue.take(&mut batch, (max_ops, usize::MAX), patience)?;
        let seqs = batch.iter().map(|op| match op {
            Op::Mark(task) => task.request.delivery.0,
            _ => unreachable!("only marks are queued here"),
        });
        Some(seqs.collect())
    }

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        let weight = op(0).weight();
        for queue in [Queue::new(2, usize::MAX), Queue::new(100, 2 * weight)] {
            assert!(queue.offer(op(1)).is_ok());
            assert!(queue.offer(op(2)).is_ok());
            let refused = queue.offer(op(3)).err().map(|(_, refused)| refused);
            assert_eq!(refused, Some(Refused::Full));
            assert_eq!(take(&queue, 1), Some(vec![1]), "first in, first out");
            assert!(queue.offer(op(4)).is_ok());
            assert_eq!(take(&queue, 9), Some(vec![2, 4]));
        }
        let narrow = Queue::new(100, 1);
        assert!(
            narrow.offer(op(1)).is_ok(),
            "one that is too large goes alone"
        );
        assert!(narrow.offer(op(2)).is_err());
    }

    #[test]
    fn putting_waits_for_room() {
        let queue = Arc::new(Queue::new(1, usize::MAX));
        assert!(queue.offer(op(1)).is_ok());
        let waiting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(op(2)).is_ok()
        });
        while queue.inner.lock().waiting == 0 {
            thread::yield_now();
        }
        assert_eq!(take(&queue, 9), Some(vec![1]));
        assert!(waiting.join().unwrap());
        assert_eq!(take(&queue, 9), Some(vec![2]));
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has_and_wakes_who_waits() {
        let queue = Arc::new(Queue::new(1, usize::MAX));
        assert!(queue.offer(op(1)).is_ok());
        let waiting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(op(2)).is_ok()
        });
        while queue.inner.lock().waiting == 0 {
            thread::yield_now();
        }
        queue.close();
        assert!(!waiting.join().unwrap());
        assert!(matches!(queue.offer(op(3)), Err((_, Refused::Closed))));
        assert_eq!(take(&queue, 9), Some(vec![1]));
        assert_eq!(take(&queue, 9), None);
    }

    #[test]
    fn the_writer_waits_for_those_it_has_answered() {
        let queue = Queue::new(10, usize::MAX);
        assert!(queue.offer(op(1)).is_ok());
        let mut batch = Vec::new();
        let mut wait = |expected, millis| {
            let longest = Duration::from_millis(millis);
            batch.clear();
            queue.take(&mut batch, (10, usize::MAX), Patience { expected, longest })
        };
        assert_eq!(
            wait(1, 1),
            Some(Wait::InVain),
            "one is there, another is expected"
        );
        thread::scope(|scope| {
            scope.spawn(|| {
                while queue.inner.lock().wake_at != 1 {
                    thread::yield_now();
                }
                assert!(queue.offer(op(2)).is_ok());
                assert!(queue.offer(op(3)).is_ok());
            });
            // The wait ends when both are there, long before its time.
            let result = wait(2, 60_000);
            assert!(
                matches!(result, Some(Wait::Rewarded | Wait::None)),
                "{result:?}"
            );
        });
        assert_eq!(batch.len(), 2);
    }
}
