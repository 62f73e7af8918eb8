//! The count of the guests' threads, and whether they make progress.

/// The guests' threads.
pub(super) struct GuestThreads {
    /// Whether the thread with this number is there.
    slots: Vec<bool>,
    count: usize,
    idle: usize,
    tasks_taken: u64,
    watched: bool,
}

impl GuestThreads {
    /// No threads yet, and `most` at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: vec![false; most],
            count: 0,
            idle: 0,
            tasks_taken: 0,
            watched: false,
        }
    }

    /// A thread starts. Returns its number, from 0; `None` if there are as many as there may be.
    pub(super) fn start(&mut self) -> Option<usize> {
        let slot = self.slots.iter().position(|taken| !taken)?;
        self.slots[slot] = true;
        self.count += 1;
        Some(slot)
    }

    /// The thread with this number has ended.
    pub(super) fn ended(&mut self, slot: usize) {
        self.slots[slot] = false;
        self.count -= 1;
    }

    /// The number of threads.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A thread found nothing to do and begins to wait.
    pub(super) fn wait_begins(&mut self) {
        self.idle += 1;
    }

    /// A thread waits no longer.
    pub(super) fn wait_ended(&mut self) {
        self.idle -= 1;
    }

    /// Whether a thread waits for something to do.
    pub(super) fn any_idle(&self) -> bool {
        self.idle > 0
    }

    /// A thread takes a task.
    pub(super) fn task_taken(&mut self) {
        self.tasks_taken += 1;
    }

    /// The number of tasks that were taken since the start: shows whether work proceeds.
    pub(super) fn tasks_taken(&self) -> u64 {
        self.tasks_taken
    }

    /// The supervisor begins or ceases to look at the progress at short intervals.
    pub(super) fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Whether the supervisor looks at the progress at short intervals.
    pub(super) fn watched(&self) -> bool {
        self.watched
    }
}
