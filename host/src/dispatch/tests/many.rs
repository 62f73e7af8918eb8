//! A great many handlers at once.

use super::*;

/// A large installation with a handler for each tenant.
const MANY: usize = 10_000;

#[test]
fn deliveries_of_ten_thousand_handlers_that_are_due_at_once_run_once_each() {
    let mut site = Site::new();
    let names: Vec<String> = (0..MANY).map(|n| format!("tenant-{n}")).collect();
    let (tried, done) = (Seen::default(), Seen::default());
    let at_once = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let handlers = names.iter().map(|name| {
        let (tried, done) = (tried.clone(), done.clone());
        let (at_once, most) = (at_once.clone(), most.clone());
        handler(name, 1, move |delivery| {
            most.fetch_max(1 + at_once.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            let end = if delivery.attempts == 0 {
                tried.note(delivery);
                End::Trap("not yet".into())
            } else {
                done.note(delivery);
                End::Done
            };
            at_once.fetch_sub(1, Ordering::SeqCst);
            ended(end)
        })
    });
    site.start(handlers.collect());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.record(0..1, &names);
    site.until(DeliveryState::Retrying, MANY as u64);
    tried.once_each(MANY);

    // All deliveries are due in the same millisecond.
    site.clock.advance(ms(5_000));
    site.dispatcher.wake();
    site.until(DeliveryState::Done, MANY as u64);
    done.once_each(MANY);
    assert!(
        most.load(Ordering::SeqCst) <= 24,
        "the threads bound the runs at once"
    );
    site.stop();
}
