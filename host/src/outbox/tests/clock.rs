//! A time of day that is set: tries come so long after one another as they would have.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::harness::*;
use tollgate_ledger::OutboxState::{Dead, Sent};

const HOUR: Duration = Duration::from_secs(3600);

/// A receiver that answers 503 so often, then 200.
async fn failing(times: u32) -> Receiver {
    let tries = AtomicU32::new(0);
    Receiver::new(move |_| {
        let failed = tries.fetch_add(1, Ordering::Relaxed) < times;
        Reply::Status(if failed { 503 } else { 200 })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_keeps_its_delay_whatever_is_set() {
    let (setup, receiver) = (Setup::new(), failing(1).await);
    setup.allow("h", vec![allow(&receiver.origin())]);
    let outbox = setup.start();
    setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
    setup.until_tries(1).await;
    for set in [NOW - HOUR, NOW + HOUR, NOW + 9 * HOUR, NOW - 9 * HOUR] {
        setup.clock.set(set);
        outbox.handle().wake();
        sleep(Duration::from_millis(50)).await;
        assert_eq!(receiver.keys().len(), 1, "not before its time");
    }
    setup.advance(&outbox, FIRST);
    setup.until_state(Sent, 1).await;
    assert_eq!(receiver.keys().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_forward_makes_no_request_too_old() {
    let (setup, receiver) = (Setup::new(), failing(2).await);
    setup.manifest.settings.lock().retry.total = Some(4 * FIRST);
    setup.allow("h", vec![allow(&receiver.origin())]);
    let outbox = setup.start();
    setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
    setup.until_tries(1).await;
    setup.clock.set(NOW + HOUR);
    setup.advance(&outbox, FIRST);
    setup.until_tries(2).await;
    assert_eq!(setup.count(Dead), 0);
    setup.advance(&outbox, 2 * FIRST);
    setup.until_state(Sent, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sleep_of_the_machine_it_goes_out_at_once_and_once() {
    let (setup, receiver) = (Setup::new(), failing(1).await);
    setup.allow("h", vec![allow(&receiver.origin())]);
    let outbox = setup.start();
    setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
    setup.until_tries(1).await;
    setup.advance(&outbox, 10 * HOUR);
    setup.until_state(Sent, 1).await;
    assert_eq!(receiver.keys().len(), 2);
}
