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

    /// Whether a job runs alone.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// A run starts beside others.
    pub(super) fn run_starts(&mut self) {
        self.alone = false;
        self.running += 1;
    }

    /// A run starts that is to be the only one until its end is committed.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_alone_until_its_end_is_committed() {
        let mut under_way = UnderWay::default();
        under_way.run_starts_alone();
        under_way.run_ended();
        assert_eq!((under_way.running(), under_way.uncommitted()), (0, 1));
        assert!(under_way.is_alone(), "the end is not committed yet");
        under_way.commit_ended();
        assert!(!under_way.is_alone());
        assert_eq!(under_way.count(), 0);
    }

    #[test]
    fn runs_of_a_queue_before_do_not_count() {
        let mut under_way = UnderWay::default();
        under_way.run_ended();
        under_way.commit_ended();
        under_way.commit_ended();
        assert_eq!(under_way.count(), 0);
        under_way.run_starts();
        assert_eq!(under_way.count(), 1);
    }
}
