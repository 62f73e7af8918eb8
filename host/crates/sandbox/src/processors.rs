//! Permits for the processors that guests may compute on for long.
//!
//! Guests that compute for long share all processors but one, some milliseconds at a time. The
//! last processor is for everything else. The low priority of such guests is not enough: the
//! priority means nothing to the kernel's own threads, such as those that complete a sync. The
//! scheduler weighs these threads against the whole process, and ties them to one processor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use parking_lot::Mutex;

/// The permits of a machine. Threads get them in the order of asking.
pub(crate) struct ProcessorPermits {
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: VecDeque<Waiting>,
}

/// A thread that waits for a permit.
struct Waiting {
    thread: Thread,
    granted: Arc<AtomicBool>,
}

/// The right to compute on a processor. Dropping the permit gives it to the next thread.
pub(crate) struct ProcessorPermit(Arc<ProcessorPermits>);

impl ProcessorPermits {
    /// One permit for each processor but one, and at least one.
    pub(crate) fn of_this_machine() -> Arc<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::of(processors.saturating_sub(1).max(1))
    }

    fn of(free: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free,
                waiting: VecDeque::new(),
            }),
        })
    }

    /// Blocks until a permit is free.
    pub(crate) fn acquire(self: &Arc<Self>) -> ProcessorPermit {
        self.wait();
        ProcessorPermit(self.clone())
    }

    fn wait(&self) {
        let granted = Arc::new(AtomicBool::new(false));
        {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                return;
            }
            state.waiting.push_back(Waiting {
                thread: thread::current(),
                granted: granted.clone(),
            });
        }
        while !granted.load(Ordering::Acquire) {
            thread::park();
        }
    }

    fn release(&self) {
        let mut state = self.state.lock();
        match state.waiting.pop_front() {
            Some(next) => {
                next.granted.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => state.free += 1,
        }
    }
}

impl ProcessorPermit {
    /// Gives the permit to the next thread that waits, and waits for another permit. Returns at
    /// once if no thread waits.
    pub(crate) fn yield_now(&self) {
        if self.0.state.lock().waiting.is_empty() {
            return;
        }
        self.0.release();
        self.0.wait();
    }
}

impl Drop for ProcessorPermit {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn permits_are_few_and_everybody_gets_one_in_turn() {
        let permits = ProcessorPermits::of(2);
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let permit = permits.acquire();
                    for _ in 0..50 {
                        most.fetch_max(
                            at_once.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        permit.yield_now();
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(permits.state.lock().free, 2);
    }

    #[test]
    fn a_permit_goes_to_the_next_in_the_order_of_asking() {
        let permits = ProcessorPermits::of(1);
        let first = permits.acquire();
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 0..3 {
                let (permits, order) = (&permits, &order);
                scope.spawn(move || {
                    let permit = permits.acquire();
                    order.lock().push(number);
                    drop(permit);
                });
                while permits.state.lock().waiting.len() <= number {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(*order.lock(), [0, 1, 2]);
    }
}
