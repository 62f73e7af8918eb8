//! The bounded queue before the writer.
//!
//! The queue is bounded by the number of operations and by their bytes. A bound by number alone
//! would let the queue hold gigabytes if every body is as large as the limit allows.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::pace::{Patience, Waited};

/// The longest time that the writer waits for an operation without a look at the clock.
const IDLE: Duration = Duration::from_secs(1);

/// Why the queue refused an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The queue is full.
    Full,
    /// The queue is closed.
    Closed,
}

/// Operations on their way to the writer.
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    /// Signals the writer, which sleeps, that enough operations wait.
    filled: Condvar,
    /// Signals producers that the writer has taken operations out.
    freed: Condvar,
    max_tasks: usize,
    max_bytes: usize,
}

struct Inner<T> {
    tasks: VecDeque<(usize, T)>,
    bytes: usize,
    closed: bool,
    /// The writer is woken when so many operations wait.
    wake_at: usize,
    /// The number of producers that wait for room.
    waiting: usize,
}

/// An operation that waits in a queue.
pub(crate) trait Weighted {
    /// About how many bytes the operation holds.
    fn weight(&self) -> usize;
}

impl<T> Default for Inner<T> {
    fn default() -> Self {
        Self {
            tasks: VecDeque::new(),
            bytes: 0,
            closed: false,
            wake_at: 0,
            waiting: 0,
        }
    }
}

impl<T: Weighted> Queue<T> {
    /// An empty queue for `max_tasks` operations of `max_bytes` together.
    pub(crate) fn new(max_tasks: usize, max_bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            filled: Condvar::new(),
            freed: Condvar::new(),
            max_tasks: max_tasks.max(1),
            max_bytes,
        }
    }

    /// The number of operations that wait.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().tasks.len()
    }

    /// Queues the operation. If the queue is full or closed, gives the operation back at once.
    pub(crate) fn offer(&self, task: T) -> Result<(), (T, Refused)> {
        let weight = task.weight();
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err((task, Refused::Closed));
        }
        if self.is_full(&inner, weight) {
            return Err((task, Refused::Full));
        }
        self.push(&mut inner, weight, task);
        Ok(())
    }

    /// Waits for room and queues the operation. If the queue is closed, gives it back.
    pub(crate) fn put(&self, task: T) -> Result<(), T> {
        let weight = task.weight();
        let mut inner = self.inner.lock();
        while !inner.closed && self.is_full(&inner, weight) {
            inner.waiting += 1;
            self.freed.wait(&mut inner);
            inner.waiting -= 1;
        }
        if inner.closed {
            return Err(task);
        }
        self.push(&mut inner, weight, task);
        Ok(())
    }

    /// Moves up to `max_tasks` operations of about `max_bytes` into `batch`. Waits up to
    /// [`IDLE`] for the first operation, then for more operations as `patience` says. `batch`
    /// stays empty if no operation came. `None` if the queue is closed and empty.
    pub(crate) fn take(
        &self,
        batch: &mut Vec<T>,
        (max_tasks, max_bytes): (usize, usize),
        patience: Patience,
    ) -> Option<Waited> {
        let mut inner = self.inner.lock();
        // Operations that came during the last commit, and new ones of the answered callers.
        let expected = (inner.tasks.len() + patience.expected).min(max_tasks);
        while inner.tasks.is_empty() {
            if inner.closed {
                return None;
            }
            inner.wake_at = 1;
            if self.filled.wait_for(&mut inner, IDLE).timed_out() && inner.tasks.is_empty() {
                inner.wake_at = usize::MAX;
                return (!inner.closed).then_some(Waited::No);
            }
        }
        let waited = self.wait_for(&mut inner, expected, patience.longest);
        inner.wake_at = usize::MAX;
        let mut bytes = 0;
        while batch.len() < max_tasks && bytes < max_bytes {
            let Some((weight, task)) = inner.tasks.pop_front() else {
                break;
            };
            bytes += weight;
            batch.push(task);
        }
        inner.bytes -= bytes;
        if inner.waiting > 0 {
            self.freed.notify_all();
        }
        Some(waited)
    }

    /// Waits until `expected` operations are there, for `longest` at most.
    fn wait_for(
        &self,
        inner: &mut MutexGuard<'_, Inner<T>>,
        expected: usize,
        longest: Duration,
    ) -> Waited {
        if inner.tasks.len() >= expected || longest.is_zero() || inner.closed {
            return Waited::No;
        }
        inner.wake_at = expected;
        self.filled.wait_for(inner, longest);
        if inner.tasks.len() >= expected {
            Waited::Arrived
        } else {
            Waited::TimedOut
        }
    }

    /// Refuses operations from now on. The writer still gets the queued ones.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_all();
        self.freed.notify_all();
    }

    /// Refuses operations from now on and returns the queued ones.
    pub(crate) fn abandon(&self) -> Vec<T> {
        self.close();
        let mut inner = self.inner.lock();
        inner.bytes = 0;
        inner.tasks.drain(..).map(|(_, task)| task).collect()
    }

    /// Whether there is no room. An empty queue has room for an operation of any size.
    fn is_full(&self, inner: &Inner<T>, weight: usize) -> bool {
        !inner.tasks.is_empty()
            && (inner.tasks.len() >= self.max_tasks || inner.bytes + weight > self.max_bytes)
    }

    fn push(&self, inner: &mut Inner<T>, weight: usize, task: T) {
        inner.tasks.push_back((weight, task));
        inner.bytes += weight;
        if inner.tasks.len() >= inner.wake_at {
            // One signal ends one sleep.
            inner.wake_at = usize::MAX;
            self.filled.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// A task that is known by its weight.
    struct Numbered(usize);

    const LIGHTEST: usize = 1000;

    impl Weighted for Numbered {
        fn weight(&self) -> usize {
            LIGHTEST + self.0
        }
    }

    fn task(number: usize) -> Numbered {
        Numbered(number)
    }

    fn take(queue: &Queue<Numbered>, max_tasks: usize) -> Option<Vec<usize>> {
        let mut batch = Vec::new();
        let patience = Patience {
            expected: 0,
            longest: Duration::ZERO,
        };
        queue.take(&mut batch, (max_tasks, usize::MAX), patience)?;
        Some(batch.iter().map(|task| task.weight() - LIGHTEST).collect())
    }

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        let weight = task(4).weight();
        for queue in [Queue::new(2, usize::MAX), Queue::new(100, 2 * weight)] {
            assert!(queue.offer(task(1)).is_ok());
            assert!(queue.offer(task(2)).is_ok());
            let refused = queue.offer(task(3)).err().map(|(_, refused)| refused);
            assert_eq!(refused, Some(Refused::Full));
            assert_eq!(take(&queue, 1), Some(vec![1]), "first in, first out");
            assert!(queue.offer(task(4)).is_ok());
            assert_eq!(take(&queue, 9), Some(vec![2, 4]));
        }
        let narrow = Queue::new(100, 1);
        assert!(
            narrow.offer(task(1)).is_ok(),
            "one that is too large goes alone"
        );
        assert!(narrow.offer(task(2)).is_err());
    }

    #[test]
    fn putting_waits_for_room() {
        let queue = Arc::new(Queue::new(1, usize::MAX));
        assert!(queue.offer(task(1)).is_ok());
        let waiting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(task(2)).is_ok()
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
        assert!(queue.offer(task(1)).is_ok());
        let waiting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(task(2)).is_ok()
        });
        while queue.inner.lock().waiting == 0 {
            thread::yield_now();
        }
        queue.close();
        assert!(!waiting.join().unwrap());
        assert!(matches!(queue.offer(task(3)), Err((_, Refused::Closed))));
        assert_eq!(take(&queue, 9), Some(vec![1]));
        assert_eq!(take(&queue, 9), None);
    }

    #[test]
    fn the_writer_waits_for_those_it_has_answered() {
        let queue = Queue::new(10, usize::MAX);
        assert!(queue.offer(task(1)).is_ok());
        let mut batch = Vec::new();
        let mut wait = |expected, millis| {
            let longest = Duration::from_millis(millis);
            batch.clear();
            queue.take(&mut batch, (10, usize::MAX), Patience { expected, longest })
        };
        assert_eq!(
            wait(1, 1),
            Some(Waited::TimedOut),
            "one is there, another is expected"
        );
        thread::scope(|scope| {
            scope.spawn(|| {
                while queue.inner.lock().wake_at != 1 {
                    thread::yield_now();
                }
                assert!(queue.offer(task(2)).is_ok());
                assert!(queue.offer(task(3)).is_ok());
            });
            // The wait ends when both are there, long before its time.
            let result = wait(2, 60_000);
            assert!(
                matches!(result, Some(Waited::Arrived | Waited::No)),
                "{result:?}"
            );
        });
        assert_eq!(batch.len(), 2);
    }
}
