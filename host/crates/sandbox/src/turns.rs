//! Turns of guests that compute for long.
//!
//! One processor is left to everything else: guests that have computed for a while share
//! the others, some milliseconds each in turn. Their low priority alone does not do it. It
//! says nothing to the kernel's own threads, among them those that complete a sync, which
//! the scheduler weighs against this whole process, and which are tied to one processor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use parking_lot::Mutex;

/// As many turns at once as there are processors but one, given in the order of asking.
pub(super) struct Turns {
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: VecDeque<Waiting>,
}

/// A thread that waits for its turn.
struct Waiting {
    thread: Thread,
    granted: Arc<AtomicBool>,
}

/// The right to compute. Dropping it passes it on.
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// For this machine.
    pub(super) fn new() -> Arc<Self> {
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

    /// Waits for a turn.
    pub(super) fn take(self: &Arc<Self>) -> Turn {
        self.wait();
        Turn(self.clone())
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

    fn give(&self) {
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

impl Turn {
    /// Lets the others have theirs first, if any wait.
    pub(super) fn pass(&self) {
        if self.0.state.lock().waiting.is_empty() {
            return;
        }
        self.0.give();
        self.0.wait();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.give();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn turns_are_few_and_everybody_gets_some() {
        let turns = Turns::of(2);
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let turn = turns.take();
                    for _ in 0..50 {
                        most.fetch_max(
                            at_once.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        turn.pass();
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(turns.state.lock().free, 2);
    }

    #[test]
    fn a_turn_is_passed_on_in_the_order_of_asking() {
        let turns = Turns::of(1);
        let first = turns.take();
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 0..3 {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let turn = turns.take();
                    order.lock().push(number);
                    drop(turn);
                });
                while turns.state.lock().waiting.len() <= number {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(*order.lock(), [0, 1, 2]);
    }
}
