//! Threads that end with their owner.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A thread that ends when this owner is dropped. The drop blocks until the thread has ended.
#[derive(Debug)]
pub struct OwnedThread {
    /// Never used to send: dropping the sender is the signal.
    stop: Option<mpsc::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// Tells a thread when its owner is dropped.
#[derive(Debug)]
pub struct StopSignal(mpsc::Receiver<Infallible>);

impl OwnedThread {
    /// Starts a thread with this name. `run` must return soon after its signal says so.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(name: &str, run: impl FnOnce(StopSignal) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || run(StopSignal(stopped)))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl StopSignal {
    /// Waits for `time`, or until the owner is dropped. Returns whether the thread is to end.
    pub fn wait(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for OwnedThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already written its message.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_thread_runs_until_its_owner_is_dropped() {
        let rounds = Arc::new(AtomicU32::new(0));
        let counted = rounds.clone();
        let thread = OwnedThread::start("rounds", move |stop| {
            while !stop.wait(Duration::from_millis(1)) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        })
        .unwrap();
        while rounds.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        drop(thread);
        assert_eq!(Arc::strong_count(&rounds), 1, "the thread has ended");
    }

    #[test]
    fn a_waiting_thread_ends_at_once() {
        let thread = OwnedThread::start("waits", |stop| {
            assert!(stop.wait(Duration::from_secs(3600)));
        });
        drop(thread.unwrap());
    }
}
