//! The threads and the memory that runs share, and how handlers share them.
//!
//! A run counts with all the memory that its handler allows, whether the run grows to that or not.
//! So guests together never take more memory than there is, and a run has its memory whatever the
//! other runs do.
//!
//! A run that may wait for answers holds no thread, but a place among such runs. Such runs take at
//! most half of the memory, so that their waiting leaves the other handlers theirs.

use tollgate_base::event::HandlerName;

/// Threads and bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Guest threads.
    pub threads: usize,
    /// Runs that may wait for answers. They hold no thread.
    pub waiting: usize,
    /// Bytes that guests may grow to.
    pub memory: usize,
}

/// The resources of all runs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetStatus {
    /// The resources that are reserved for runs under way.
    pub reserved: Resources,
    /// The resources that runs may take together.
    pub limit: Resources,
}

/// What a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Need {
    /// Bytes that the run may grow to.
    pub(super) memory: usize,
    /// Whether the run may wait for answers.
    pub(super) asks: bool,
}

/// How many other runs may start before memory is set aside for a handler that was passed over.
const PATIENCE: u64 = 64;

/// The resources that runs may take together, and the part that is reserved.
pub(super) struct Budget {
    limit: Resources,
    reserved: Resources,
    /// The part of the reserved memory that runs which may wait have.
    waiting_memory: usize,
    /// Runs that have started.
    started: u64,
    passed_over: Option<PassedOver>,
}

/// A handler without a run for which there was not enough memory.
struct PassedOver {
    handler: HandlerName,
    memory: usize,
    /// The number of runs that had started then.
    since: u64,
}

impl Budget {
    /// An unused budget.
    pub(super) fn new(limit: Resources) -> Self {
        Self {
            limit,
            reserved: Resources::default(),
            waiting_memory: 0,
            started: 0,
            passed_over: None,
        }
    }

    pub(super) fn status(&self) -> BudgetStatus {
        BudgetStatus {
            reserved: self.reserved,
            limit: self.limit,
        }
    }

    pub(super) fn set_memory(&mut self, memory: usize) {
        self.limit.memory = memory;
    }

    /// Whether nothing runs.
    pub(super) fn is_unused(&self) -> bool {
        self.reserved.threads == 0 && self.reserved.waiting == 0
    }

    /// Whether a handler with `running` runs may start another run.
    ///
    /// A quarter of the limit is kept for handlers without a run, so that runs that never end
    /// leave them room. If nothing runs, any run may start, even a run that is allowed more
    /// memory than the limit.
    pub(super) fn allows(&self, handler: &HandlerName, running: usize, need: Need) -> bool {
        let (limit, reserved, memory) = (self.limit, self.reserved, need.memory);
        let set_aside = self.set_aside_for_others(handler);
        let alone = self.is_unused() && set_aside == 0;
        let fits = |limit: usize, reserved: usize, need: usize| {
            let left = limit.checked_sub(reserved + need);
            left.is_some_and(|left| running == 0 || left >= limit / 4)
        };
        let place = match need.asks {
            false => fits(limit.threads, reserved.threads, 1),
            true => fits(limit.waiting, reserved.waiting, 1) && self.may_wait(memory),
        };
        alone || place && fits(limit.memory, reserved.memory + set_aside, memory)
    }

    /// Whether the runs that may wait have room for another in their half of the memory. The first
    /// one always has.
    fn may_wait(&self, memory: usize) -> bool {
        self.reserved.waiting == 0 || self.waiting_memory + memory <= self.limit.memory / 2
    }

    /// A run of the handler was refused. If the handler has no run, and stays without one,
    /// memory is set aside for it.
    pub(super) fn refused(&mut self, handler: &HandlerName, running: usize, need: Need) {
        if running == 0 && self.passed_over.is_none() {
            self.passed_over = Some(PassedOver {
                handler: handler.clone(),
                memory: need.memory,
                since: self.started,
            });
        }
    }

    /// A run of the handler may start, or the handler has nothing to run. Nothing is set aside
    /// for the handler any longer.
    pub(super) fn served(&mut self, handler: &HandlerName) {
        self.passed_over
            .take_if(|passed| passed.handler == *handler);
    }

    /// Sets nothing aside any longer for a handler for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&HandlerName) -> bool) {
        self.passed_over.take_if(|passed| !keep(&passed.handler));
    }

    /// A run starts.
    pub(super) fn run_starts(&mut self, need: Need) {
        self.started += 1;
        self.reserved.memory += need.memory;
        if need.asks {
            self.reserved.waiting += 1;
            self.waiting_memory += need.memory;
        } else {
            self.reserved.threads += 1;
        }
    }

    /// A run has ended.
    pub(super) fn run_ended(&mut self, need: Need) {
        self.reserved.memory -= need.memory;
        if need.asks {
            self.reserved.waiting -= 1;
            self.waiting_memory -= need.memory;
        } else {
            self.reserved.threads -= 1;
        }
    }

    fn set_aside_for_others(&self, handler: &HandlerName) -> usize {
        let passed = self
            .passed_over
            .as_ref()
            .filter(|passed| passed.handler != *handler && self.started - passed.since >= PATIENCE);
        passed.map_or(0, |passed| passed.memory)
    }
}
