//! How handlers share the memory that their guests may grow to.

use super::*;
use crate::dispatch::{BudgetStatus, Resources};

const MIB: usize = 1 << 20;

/// A handler with a limit on memory, whose runs do `work`.
fn with_memory(
    name: &str,
    mebibytes: usize,
    work: impl Fn(&Delivery) -> Run + Send + Sync + 'static,
) -> Arc<dyn Runnable> {
    let mut settings = settings(name, 16);
    Arc::make_mut(&mut settings.guest).limits.memory = mebibytes * MIB;
    Arc::new(Closure {
        handler: Arc::new(settings),
        component: "closure",
        work: Box::new(work),
    })
}

/// A door that runs wait for.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// The work of a run that waits until the door is open.
    fn wait(&self) -> impl Fn(&Delivery) -> Run + Send + Sync + 'static {
        let door = self.clone();
        move |_| {
            let (open, opened) = &*door.0;
            let mut open = open.lock();
            while !*open {
                opened.wait(&mut open);
            }
            ended(End::Done)
        }
    }
}

fn resources(threads: usize, mebibytes: usize) -> Resources {
    Resources {
        threads,
        waiting: 0,
        memory: mebibytes * MIB,
    }
}

fn reserved(site: &Site) -> Resources {
    site.dispatcher.budget().reserved
}

#[test]
fn runs_stay_within_the_memory_and_leave_some_to_others() {
    let mut site = Site::new();
    site.dispatcher.set_memory(16 * MIB);
    let door = Door::default();
    site.start(vec![
        with_memory("h", 2, door.wait()),
        with_memory("quick", 2, |_| ended(End::Done)),
    ]);
    site.record(0..40, &["h"]);
    // A quarter is for handlers without a run.
    site.eventually("the handler has three quarters", || {
        reserved(&site) == resources(6, 12)
    });
    site.record(40..60, &["quick"]);
    site.until(DeliveryState::Done, 20);
    let budget = BudgetStatus {
        reserved: resources(6, 12),
        limit: Resources {
            waiting: 16,
            ..resources(24, 16)
        },
    };
    assert_eq!(site.dispatcher.budget(), budget);
    // With more memory more may run.
    site.dispatcher.set_memory(32 * MIB);
    site.eventually("the handler has more", || {
        reserved(&site) == resources(12, 24)
    });
    door.open();
    site.until(DeliveryState::Done, 60);
    site.eventually("all memory is given back", || {
        reserved(&site) == resources(0, 0)
    });
    site.stop();
}

#[test]
fn a_handler_that_needs_much_memory_is_not_passed_over_for_ever() {
    let mut site = Site::new();
    site.dispatcher.set_memory(8 * MIB);
    let small = Arc::new(AtomicUsize::new(0));
    let (count, before) = (small.clone(), Arc::new(AtomicUsize::new(0)));
    let seen = before.clone();
    site.record(0..1000, &["h"]);
    site.record(1000..1001, &["large"]);
    site.start(vec![
        with_memory("h", 1, move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            ended(End::Done)
        }),
        with_memory("large", 7, move |_| {
            seen.store(small.load(Ordering::SeqCst), Ordering::SeqCst);
            ended(End::Done)
        }),
    ]);
    site.until(DeliveryState::Done, 1001);
    let before = before.load(Ordering::SeqCst);
    assert!(before < 500, "the large run came after {before} others");
    site.stop();
}

#[test]
fn a_run_with_more_memory_than_the_limit_runs_alone() {
    let mut site = Site::new();
    site.dispatcher.set_memory(8 * MIB);
    let door = Door::default();
    site.record(0..2, &["h"]);
    site.start(vec![
        with_memory("h", 9, door.wait()),
        with_memory("quick", 1, |_| ended(End::Done)),
    ]);
    site.eventually("one runs", || reserved(&site) == resources(1, 9));
    site.record(2..50, &["quick"]);
    site.eventually("others wait", || {
        let status = site.dispatcher.status();
        status.iter().any(|(_, queue)| queue.queued == 48)
    });
    assert_eq!(reserved(&site), resources(1, 9));
    door.open();
    site.until(DeliveryState::Done, 50);
    site.stop();
}

#[test]
fn a_handler_that_waits_for_memory_and_leaves_holds_nobody_up() {
    let mut site = Site::new();
    site.dispatcher.set_memory(8 * MIB);
    let done = || with_memory("h", 1, |_| ended(End::Done));
    let door = Door::default();
    site.start(vec![
        with_memory("h", 1, door.wait()),
        with_memory("large", 8, |_| ended(End::Done)),
    ]);
    site.record(0..200, &["h"]);
    site.eventually("some run", || reserved(&site) == resources(6, 6));
    site.record(200..201, &["large"]);
    site.eventually("the large delivery waits", || {
        let status = site.dispatcher.status();
        status
            .iter()
            .any(|(name, queue)| name.as_str() == "large" && queue.queued == 1)
    });
    site.dispatcher
        .set_handlers(vec![done()], Arc::new(Routes::default()));
    door.open();
    site.until(DeliveryState::Done, 200);
    site.until(DeliveryState::Held, 1);
    site.stop();
}
