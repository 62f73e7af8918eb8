//! What the process tells the service manager that started it, as systemd's `Type=notify` wants
//! it. Without a service manager (no `NOTIFY_SOCKET`) nothing is told.

use std::sync::Once;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// How often a start or an end that lasts asks for more time, and for how much.
const LONGER_EVERY: Duration = Duration::from_secs(5);
const LONGER_BY: Duration = Duration::from_secs(30);

/// A task that ends when this value is dropped.
pub(super) struct Telling(JoinHandle<()>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks for more time until the start is over: a large ledger or many handlers that have to be
/// compiled take longer than a service manager waits.
pub(super) fn starting() -> Telling {
    tell(&[NotifyState::Status("starting")]);
    Telling(tokio::spawn(ask_for_longer()))
}

/// Tells that the gateway accepts requests. The watchdog is fed until the process ends: a runtime
/// that runs no tasks any more feeds it no longer.
pub(super) fn ready(ingress: &str) -> Telling {
    let status = format!("receives at {ingress}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    Telling(tokio::spawn(feed_the_watchdog()))
}

/// Tells that the process ends, and asks for the time that requests and runs under way need.
pub(super) fn stopping() -> Telling {
    tell(&[NotifyState::Stopping, NotifyState::Status("shutting down")]);
    Telling(tokio::spawn(ask_for_longer()))
}

async fn ask_for_longer() {
    let micros = u32::try_from(LONGER_BY.as_micros()).unwrap_or(u32::MAX);
    loop {
        tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
        tokio::time::sleep(LONGER_EVERY).await;
    }
}

async fn feed_the_watchdog() {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        tell(&[NotifyState::Watchdog]);
        // systemd recommends half of the period.
        tokio::time::sleep(period / 2).await;
    }
}

/// Tells, and logs the first failure alone: the watchdog would fill the log.
fn tell(states: &[NotifyState<'_>]) {
    static FAILED: Once = Once::new();
    if let Err(error) = sd_notify::notify(states) {
        FAILED.call_once(|| tracing::warn!(%error, "the service manager cannot be told"));
    }
}
