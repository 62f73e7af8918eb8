//! What runs take, of threads and of memory, and how handlers share what there is.
//!
//! A run counts with all the memory that its handler allows it, whether it grows to that or
//! not: so guests together never take more than there is, and what one takes is no matter of
//! what the others do meanwhile.

use tollgate_base::event::HandlerName;

/// Threads and bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Guest threads.
    pub threads: usize,
    /// What guests may grow to, in bytes.
    pub memory: usize,
}

/// How many other runs may start before one for which memory has never been enough is waited
/// for.
const PATIENCE: u64 = 64;

/// All the room that there is.
pub(super) struct Places {
    all: Room,
    taken: Room,
    /// Runs that have started.
    started: u64,
    passed_over: Option<PassedOver>,
}

/// A handler without a run, whose turn came when there was not enough memory for one.
struct PassedOver {
    handler: HandlerName,
    memory: usize,
    /// How many runs had started then.
    since: u64,
}

impl Places {
    pub(super) fn new(all: Room) -> Self {
        Self {
            all,
            taken: Room::default(),
            started: 0,
            passed_over: None,
        }
    }

    pub(super) fn all(&self) -> Room {
        self.all
    }

    pub(super) fn taken(&self) -> Room {
        self.taken
    }

    pub(super) fn set_memory(&mut self, memory: usize) {
        self.all.memory = memory;
    }

    /// Whether nothing runs.
    pub(super) fn empty(&self) -> bool {
        self.taken.threads == 0
    }

    /// Whether a handler with so many runs may have one more, of so much memory.
    ///
    /// A quarter of all is kept for handlers that have none, so that runs of others that never
    /// end leave them room. Where nothing runs, anything may, even what is allowed more memory
    /// than there is.
    pub(super) fn allow(&self, handler: &HandlerName, running: usize, memory: usize) -> bool {
        let (all, taken) = (self.all, self.taken);
        let kept = self.kept_for_others(handler);
        let alone = self.empty() && kept == 0;
        let fits = |all: usize, taken: usize, need: usize| {
            let left = all.checked_sub(taken + need);
            left.is_some_and(|left| running == 0 || left >= all / 4)
        };
        alone
            || fits(all.threads, taken.threads, 1) && fits(all.memory, taken.memory + kept, memory)
    }

    /// A handler's turn came and nothing could be started. Where it has no run at all, others
    /// leave it the memory that it needs if that goes on.
    pub(super) fn passed_over(&mut self, handler: &HandlerName, running: usize, memory: usize) {
        if running == 0 && self.passed_over.is_none() {
            self.passed_over = Some(PassedOver {
                handler: handler.clone(),
                memory,
                since: self.started,
            });
        }
    }

    /// A handler has got its turn, has nothing to run, or is gone.
    pub(super) fn served(&mut self, handler: &HandlerName) {
        self.passed_over
            .take_if(|passed| passed.handler == *handler);
    }

    /// Forgets who was passed over unless it `stays`.
    pub(super) fn forget_but(&mut self, stays: impl Fn(&HandlerName) -> bool) {
        self.passed_over.take_if(|passed| !stays(&passed.handler));
    }

    /// A run starts.
    pub(super) fn start(&mut self, memory: usize) {
        self.started += 1;
        self.taken.threads += 1;
        self.taken.memory += memory;
    }

    /// A run has ended.
    pub(super) fn end(&mut self, memory: usize) {
        self.taken.threads -= 1;
        self.taken.memory -= memory;
    }

    fn kept_for_others(&self, handler: &HandlerName) -> usize {
        let passed = self
            .passed_over
            .as_ref()
            .filter(|passed| passed.handler != *handler && self.started - passed.since >= PATIENCE);
        passed.map_or(0, |passed| passed.memory)
    }
}
