//! How handlers share the memory that their guests may grow to.

use super::*;
use crate::dispatch::Room;

const MIB: usize = 1 << 20;

/// A handler with that limit on memory, and what its runs do.
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

/// Something that runs wait for.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// The work of runs that wait for it.
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

fn room(threads: usize, mebibytes: usize) -> Room {
    Room {
        threads,
        memory: mebibytes * MIB,
    }
}

#[test]
fn runs_have_no_more_memory_than_there_is_and_leave_some_to_others() {
    let mut site = Site::new();
    site.dispatcher.set_memory(16 * MIB);
    let door = Door::default();
    site.start(vec![
        with_memory("h", 2, door.wait()),
        with_memory("quick", 2, |_| ended(End::Done)),
    ]);
    site.record(0..40, &["h"]);
    // A quarter is for handlers that have nothing under way.
    site.eventually("it has what it may have", || {
        site.dispatcher.room().0 == room(6, 12)
    });
    site.record(40..60, &["quick"]);
    site.until(DeliveryState::Done, 20);
    assert_eq!(site.dispatcher.room(), (room(6, 12), room(24, 16)));
    // More memory, and more may run.
    site.dispatcher.set_memory(32 * MIB);
    site.eventually("it has more", || site.dispatcher.room().0 == room(12, 24));
    door.open();
    site.until(DeliveryState::Done, 60);
    site.eventually("all is given back", || {
        site.dispatcher.room().0 == room(0, 0)
    });
    site.stop();
}

#[test]
fn what_needs_much_is_not_passed_over_for_ever() {
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
    assert!(before < 500, "it ran after {before} others");
    site.stop();
}

#[test]
fn what_may_have_more_than_there_is_runs_alone() {
    let mut site = Site::new();
    site.dispatcher.set_memory(8 * MIB);
    let door = Door::default();
    site.record(0..2, &["h"]);
    site.start(vec![
        with_memory("h", 9, door.wait()),
        with_memory("quick", 1, |_| ended(End::Done)),
    ]);
    site.eventually("one runs", || site.dispatcher.room().0 == room(1, 9));
    site.record(2..50, &["quick"]);
    site.eventually("others wait", || {
        let status = site.dispatcher.status();
        status.iter().any(|(_, lane)| lane.queued == 48)
    });
    assert_eq!(site.dispatcher.room().0, room(1, 9));
    door.open();
    site.until(DeliveryState::Done, 50);
    site.stop();
}

#[test]
fn who_waits_for_memory_and_leaves_holds_nobody_up() {
    let mut site = Site::new();
    site.dispatcher.set_memory(8 * MIB);
    let done = || with_memory("h", 1, |_| ended(End::Done));
    let door = Door::default();
    site.start(vec![
        with_memory("h", 1, door.wait()),
        with_memory("large", 8, |_| ended(End::Done)),
    ]);
    site.record(0..200, &["h"]);
    site.eventually("some run", || site.dispatcher.room().0 == room(6, 6));
    site.record(200..201, &["large"]);
    site.eventually("it waits", || {
        let status = site.dispatcher.status();
        status
            .iter()
            .any(|(name, lane)| name.as_str() == "large" && lane.queued == 1)
    });
    site.dispatcher
        .set_handlers(vec![done()], Arc::new(Routes::default()));
    door.open();
    site.until(DeliveryState::Done, 200);
    site.until(DeliveryState::Held, 1);
    site.stop();
}
