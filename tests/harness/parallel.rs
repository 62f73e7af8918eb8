//! Parallel loops.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls a function with each item, on four threads.
pub(crate) fn each<T: Sync>(things: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(thing);
                }
            });
        }
    });
}
