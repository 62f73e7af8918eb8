//! The start of tasks: which handler's task is next.

use std::time::{Duration, Instant};

use super::HandlerQueues;
use crate::dispatch::job::{Job, Task};
use tollgate_base::event::HandlerName;

impl HandlerQueues {
    /// Starts the next task of a thread; `None` if there is none now.
    pub(in crate::dispatch) fn start_task(&mut self) -> Option<Task> {
        if self.on_hold || self.suspects.is_running() || self.suspended_for().is_some() {
            return None;
        }
        if self.suspect_waits() {
            return self.start_suspect();
        }
        let (mut refused, now, max_bytes) = (false, self.clock.now(), self.bytes_per_queue());
        for _ in 0..self.ready.len() {
            let name = self.ready.pop_front()?;
            let Some(queue) = self.queues.get_mut(&name) else {
                continue;
            };
            let (running, need) = (queue.running(), queue.needs());
            if !self.budget.allows(&name, running, need) {
                // The handler waits for resources; other handlers are served meanwhile.
                self.budget.refused(&name, running, need);
                self.ready.push_back(name);
                refused = true;
                continue;
            }
            queue.delist();
            self.budget.served(&name);
            let Some(task) = queue.start_task() else {
                continue;
            };
            self.needs_look |= queue.wants_claim(now, max_bytes);
            self.enlist(&name);
            return match task {
                Task::Run(job, _) if job.is_suspect() => {
                    self.defer_suspect(&name, job);
                    self.start_suspect()
                }
                task => Some(self.task_starts(task)),
            };
        }
        self.exhausted = refused;
        None
    }

    /// Whether a suspect is to run next. A suspect of a paused handler holds nothing up.
    fn suspect_waits(&self) -> bool {
        let next = self.suspects.next_handler();
        next.is_some_and(|handler| !self.paused.contains_key(handler))
    }

    fn defer_suspect(&mut self, name: &HandlerName, job: Job) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.run_deferred();
        }
        self.suspects.add(job);
    }

    /// Starts the next suspect, if nothing else runs.
    fn start_suspect(&mut self) -> Option<Task> {
        if !self.budget.is_unused() {
            return None;
        }
        let job = self.suspects.take()?;
        let queue = self.queues.get_mut(&job.delivery.handler)?;
        let runnable = queue.deferred_run_starts();
        self.suspects.run_starts();
        Some(self.task_starts(Task::Run(job, runnable)))
    }

    fn task_starts(&mut self, task: Task) -> Task {
        self.threads.task_taken();
        if let Task::Run(job, _) = &task {
            self.budget.run_starts(job.need);
        }
        task
    }

    /// Whether a thread that looked now would find a task, as far as a quick look can tell.
    pub(in crate::dispatch) fn has_work(&self) -> bool {
        !self.on_hold
            && !self.suspects.is_running()
            && self.suspended_for().is_none()
            && (!self.ready.is_empty() && !self.exhausted
                || self.suspect_waits() && self.budget.is_unused())
    }

    /// For how long nothing starts, because the ledger cannot be used; `None` if runs may start.
    pub(in crate::dispatch) fn suspended_for(&self) -> Option<Duration> {
        let left = self
            .suspended_until?
            .saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}
