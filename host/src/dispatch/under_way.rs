//! The runs of one handler that are under way.

/// The runs of one handler from their start until their ends are committed.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    running: usize,
    uncommitted: usize,
    /// Whether the only run is of a job that runs alone.
    alone: bool,
}

impl UnderWay {
    /// Runs that have not ended.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Runs that have ended and whose commit has not been answered.
    pub(super) fn uncommitted(&self) -> usize {
        self.uncommitted
    }

    /// Runs until their ends are committed.
    pub(super) fn count(&self) -> usize {
        self.running + self.uncommitted
    }

    /// Whether a job runs alone: no other run may start.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// A run starts.
    pub(super) fn run_starts(&mut self) {
        self.running += 1;
    }

    /// A run starts that has to be the only one until its end is committed.
    pub(super) fn run_starts_alone(&mut self) {
        self.alone = true;
        self.running += 1;
    }

    /// A run that was to start waits on.
    pub(super) fn run_deferred(&mut self) {
        self.running -= 1;
    }

    /// A run has ended. Its end is on its way to the ledger.
    pub(super) fn run_ended(&mut self) {
        // The queue may have been made anew since the run started.
        self.running = self.running.saturating_sub(1);
        self.uncommitted += 1;
    }

    /// Another end of a run is on its way to the ledger.
    pub(super) fn commit_begins(&mut self) {
        self.uncommitted += 1;
    }

    /// A commit was answered.
    pub(super) fn commit_ended(&mut self) {
        // A queue that was made anew hears of runs of the queue before.
        self.uncommitted = self.uncommitted.saturating_sub(1);
        if self.count() == 0 {
            self.alone = false;
        }
    }
}
