//! A bounded queue of items that wait for their export, and the task that exports them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::settings::Export;

/// How much longer than its time an exporter may take to say that the time is over.
const GRACE: Duration = Duration::from_millis(500);

/// Items on their way to a collector.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<VecDeque<T>>,
    filled: Notify,
    export: Export,
    counts: Arc<Counts>,
}

/// How many items were exported, and how many were not.
#[derive(Debug, Default)]
pub(super) struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// Exported and dropped items.
    pub(super) fn read(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.exported), of(&self.dropped))
    }
}

/// Tells the task when to end: nothing, or the moment by which it must have ended.
pub(super) type End = watch::Receiver<Option<Instant>>;

impl<T: Send> Queue<T> {
    /// An empty queue.
    pub(super) fn new(export: Export, counts: Arc<Counts>) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
            export,
            counts,
        }
    }

    /// Queues an item. Drops the item if the queue is full. Never waits for the collector.
    pub(super) fn push(&self, item: T) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.export.bounds.waiting {
            drop(waiting);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back(item);
        if waiting.len() == self.export.bounds.batch {
            self.filled.notify_one();
        }
    }

    /// Exports what is queued by `export`, until the end comes. Then exports what is left, if the
    /// collector takes it, and ends in time. `what` names the items in the log.
    pub(super) async fn work<F>(&self, what: &str, mut end: End, export: impl Fn(Vec<T>) -> F)
    where
        F: Future<Output = OTelSdkResult>,
    {
        let mut health = Health::new(what);
        let mut ends_at = None;
        while ends_at.is_none() {
            self.wait(&mut end).await;
            ends_at = *end.borrow();
            while ends_at.is_none() && !self.waiting.lock().is_empty() {
                let is_well = health.is_well;
                let mut exporting = pin!(self.next(&export, &mut health));
                tokio::select! {
                    () = &mut exporting => {}
                    by = ended(&mut end) => {
                        ends_at = Some(by);
                        if is_well {
                            // What comes too late counts as dropped.
                            let _ = timeout_at(by, exporting).await;
                        }
                    }
                }
            }
        }
        let by = ends_at.unwrap_or_else(Instant::now);
        // Nobody waits for a collector that does not answer.
        while health.is_well && !self.waiting.lock().is_empty() {
            let exporting = self.next(&export, &mut health);
            if timeout_at(by, exporting).await.is_err() {
                break;
            }
        }
        let left = std::mem::take(&mut *self.waiting.lock()).len();
        self.counts
            .dropped
            .fetch_add(left as u64, Ordering::Relaxed);
    }

    /// Waits until a batch is there, or for the delay of an item.
    async fn wait(&self, end: &mut End) {
        let delay = Instant::now() + self.export.bounds.delay;
        tokio::select! {
            () = self.filled.notified() => {}
            () = sleep_until(delay) => {}
            _ = ended(end) => {}
        }
    }

    /// Exports one batch.
    async fn next<F>(&self, export: &impl Fn(Vec<T>) -> F, health: &mut Health<'_>)
    where
        F: Future<Output = OTelSdkResult>,
    {
        let batch: Vec<_> = {
            let mut waiting = self.waiting.lock();
            let many = waiting.len().min(self.export.bounds.batch);
            waiting.drain(..many).collect()
        };
        let many = Taken {
            many: batch.len() as u64,
            counts: &self.counts,
        };
        // The exporter tries again by itself within its time, and knows best what went wrong.
        match timeout(self.export.timeout + GRACE, export(batch)).await {
            Ok(Ok(())) => {
                many.exported();
                health.is(None);
            }
            Ok(Err(error)) => health.is(Some(&error)),
            Err(_) => health.is(Some(&OTelSdkError::Timeout(self.export.timeout))),
        }
    }
}

/// Resolves when the end has come, with the moment by which the task must have ended.
async fn ended(end: &mut End) -> Instant {
    let by = end.wait_for(Option::is_some).await;
    // If the other side is gone, the end has come as well.
    by.ok().and_then(|by| *by).unwrap_or_else(Instant::now)
}

/// Items that were taken out of a queue. They count as dropped unless they are exported, also if
/// their export is given up.
struct Taken<'a> {
    many: u64,
    counts: &'a Counts,
}

impl Taken<'_> {
    fn exported(mut self) {
        self.counts.exported.fetch_add(self.many, Ordering::Relaxed);
        self.many = 0;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.counts.dropped.fetch_add(self.many, Ordering::Relaxed);
    }
}

/// Whether exports succeed. Tells of a change, not of every failure.
struct Health<'a> {
    what: &'a str,
    is_well: bool,
}

impl<'a> Health<'a> {
    fn new(what: &'a str) -> Self {
        Self {
            what,
            is_well: true,
        }
    }

    fn is(&mut self, error: Option<&OTelSdkError>) {
        let what = self.what;
        match (self.is_well, error) {
            (true, Some(error)) => tracing::warn!(
                %error,
                "{what} cannot be exported: they are dropped until the collector takes them again"
            ),
            (false, None) => tracing::info!("{what} are exported again"),
            _ => {}
        }
        self.is_well = error.is_none();
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Bounds, Protocol};
    use super::*;

    fn queue(waiting: usize, batch: usize) -> (Queue<usize>, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        let export = Export {
            protocol: Protocol::Http,
            timeout: Duration::from_millis(50),
            secured: false,
            bounds: Bounds {
                waiting,
                batch,
                delay: Duration::from_millis(1),
            },
        };
        (Queue::new(export, counts.clone()), counts)
    }

    /// Works until the end, which comes at once.
    async fn drain<F: Future<Output = OTelSdkResult>>(
        queue: &Queue<usize>,
        export: impl Fn(Vec<usize>) -> F,
    ) {
        let (_end, ending) = watch::channel(Some(Instant::now() + Duration::from_millis(100)));
        queue.work("items", ending, export).await;
    }

    #[tokio::test]
    async fn a_full_queue_drops_and_counts() {
        let (queue, counts) = queue(5, 2);
        (0..8).for_each(|item| queue.push(item));
        let batches = Mutex::new(Vec::new());
        drain(&queue, |batch| {
            batches.lock().push(batch);
            async { Ok(()) }
        })
        .await;
        assert_eq!(*batches.lock(), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(counts.read(), (5, 3));
    }

    #[tokio::test]
    async fn what_a_collector_refuses_or_leaves_unanswered_is_dropped() {
        let (queue, counts) = queue(5, 2);
        (0..4).for_each(|item| queue.push(item));
        drain(&queue, |_| async {
            Err(OTelSdkError::InternalFailure("refused".to_owned()))
        })
        .await;
        assert_eq!(counts.read(), (0, 4), "the second batch is not tried");
        (0..4).for_each(|item| queue.push(item));
        drain(&queue, |_| std::future::pending()).await;
        assert_eq!(counts.read(), (0, 8));
    }

    #[tokio::test]
    async fn the_end_comes_while_a_collector_is_waited_for() {
        let (queue, counts) = queue(5, 2);
        (0..2).for_each(|item| queue.push(item));
        let (end, ending) = watch::channel(None);
        let asked = Notify::new();
        let working = queue.work("items", ending, |_| {
            asked.notify_one();
            std::future::pending()
        });
        let ends = async {
            asked.notified().await;
            end.send(Some(Instant::now())).unwrap();
        };
        tokio::join!(working, ends);
        assert_eq!(counts.read(), (0, 2));
    }
}
