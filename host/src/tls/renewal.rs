//! The thread that orders certificates before they end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::time::{sleep, timeout};

use super::acme::{OrderError, Tries, order};
use super::front::{Front, Obtained};
use super::schedule::wait;
use crate::egress::error_chain;
use tollgate_base::quantity::show_duration;
use tollgate_base::thread::{OwnedThread, StopSignal};
use tollgate_base::time::Clock;

/// How often the thread looks at the clock.
const LOOK: Duration = Duration::from_secs(2);
/// The longest order.
const ORDER: Duration = Duration::from_secs(10 * 60);

/// Starts the thread.
pub(crate) fn start(front: Arc<Front>, clock: Arc<dyn Clock>) -> io::Result<OwnedThread> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    OwnedThread::start("acme", move |stop| {
        loop {
            if let Some(obtained) = front.due(clock.now()) {
                renew(&front, &obtained, &runtime, &*clock, &stop);
            }
            if stop.wait(LOOK) {
                return;
            }
        }
    })
}

fn renew(
    front: &Front,
    obtained: &Obtained,
    runtime: &runtime::Runtime,
    clock: &dyn Clock,
    stop: &StopSignal,
) {
    let acme = &obtained.acme;
    tracing::info!(domains = ?acme.domains, "ordering a certificate");
    let ordered = runtime.block_on(async {
        let ordering = order(acme, &front.store, &front.challenges);
        tokio::select! {
            ordered = timeout(ORDER, ordering) => Some(ordered.unwrap_or(Err(OrderError::Late))),
            () = stopped(stop) => None,
        }
    });
    let tries = match ordered {
        // The gateway ends.
        None => return,
        Some(Ok(certificate)) => {
            tracing::info!(domains = ?acme.domains, "a new certificate serves");
            front.obtain(acme, certificate);
            Tries::default()
        }
        Some(Err(error)) => {
            let said = error_chain(&error);
            let failed = obtained.tries.failed + 1;
            let wait = wait(failed);
            let next = clock.now() + wait;
            let again = show_duration(wait);
            tracing::warn!(
                domains = ?acme.domains,
                "there is no new certificate, the next try is in {again}: {said}"
            );
            Tries {
                failed,
                next_ms: next.as_millis(),
                error: Some(said),
            }
        }
    };
    front.tried(acme, tries);
}

async fn stopped(stop: &StopSignal) {
    while !stop.wait(Duration::ZERO) {
        sleep(Duration::from_millis(100)).await;
    }
}
