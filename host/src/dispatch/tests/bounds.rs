//! The bounds of memory while a great many deliveries wait.

use super::gates::{Patient, with_breaker};
use super::*;
use crate::dispatch::handler_queue::MAX_WAITING;
use tollgate_base::time::WallTime;
use tollgate_ledger::Pause;

/// Bytes that the process has resident.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: usize = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .unwrap();
    kib << 10
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are of interest")]
fn memory_is_bounded_whatever_waits() {
    const HANDLERS: usize = 10;
    const EVENTS: usize = 20_000;
    let mut site = Site::new();
    let names: Vec<String> = (0..HANDLERS).map(|n| format!("h{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let patient = Patient::failing();
    let handlers = names.iter().map(|name| {
        let settings = Handler {
            name: HandlerName::new(*name),
            ..with_breaker(4)
        };
        patient.handler(settings, "a")
    });
    site.start(handlers.collect());
    // Half of the handlers are paused, the others fail until their breakers open.
    for name in &names[..HANDLERS / 2] {
        let pause = Pause {
            since: WallTime::EPOCH,
            outbox: false,
        };
        site.dispatcher
            .set_pause(&HandlerName::new(*name), Some(pause));
    }
    let before = resident();
    let mut most = 0;
    for from in (0..EVENTS).step_by(1_000) {
        site.record(from..from + 1_000, &names);
        let queues = site.dispatcher.status();
        assert!(queues.iter().all(|(_, queue)| queue.queued <= MAX_WAITING));
        let bytes: usize = queues.iter().map(|(_, queue)| queue.queued_bytes).sum();
        assert!(bytes <= 8 << 20, "{bytes}");
        most = most.max(bytes);
    }
    let waits = (HANDLERS * EVENTS) as u64;
    let backlog = site
        .ledger
        .backlog(WallTime::from_millis(1_000_000))
        .unwrap();
    assert_eq!(backlog.deliveries, waits);
    println!(
        "{waits} deliveries wait: {most} bytes in the queues at most, {} MiB more resident",
        (resident().saturating_sub(before)) >> 20
    );
    // The bounds hold when the deliveries become due again and again.
    for _ in 0..5 {
        site.clock.advance(ms(3_600_000));
        site.dispatcher.wake();
        std::thread::sleep(Duration::from_millis(20));
        let queues = site.dispatcher.status();
        assert!(queues.iter().all(|(_, queue)| queue.queued <= MAX_WAITING));
    }
    patient.heal();
    site.stop();
}
