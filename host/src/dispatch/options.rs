//! The bounds of the dispatcher.

/// The bounds of the guests' threads and of the queues before them.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Guest threads at most.
    pub threads: usize,
    /// Runs that may wait for answers, at most. They hold no thread.
    pub waiting: usize,
    /// Bytes of payload that may wait in memory, over all handlers.
    pub queued_bytes: usize,
    /// Bytes that guests together may grow to. Each run counts with its handler's `memory`.
    pub memory: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        // With 128 threads six handlers can loop at the default concurrency of 16, and a thread is
        // left for each of 32 other handlers.
        Self {
            threads: 128,
            // A place costs address space and, while a guest waits, the memory of the guest.
            waiting: 256,
            queued_bytes: 64 << 20,
            memory: usize::MAX,
        }
    }
}

impl PoolOptions {
    /// The number of guest threads that stay when they find nothing to do.
    pub(super) fn basic_threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        processors.clamp(2, self.threads.max(2))
    }
}
