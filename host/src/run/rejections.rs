//! The thread that writes refused requests into the ledger, for operators.
//!
//! The thread lets the writer do everything else first: nobody waits for these rows, and a sender
//! may wait for the acknowledgement in the same commit.

use std::sync::Arc;
use std::time::Duration;

use crate::server::Rejections;
use crate::settings::RejectionSettings;
use tollgate_base::thread::OwnedThread;
use tollgate_ledger::{Rejection, RejectionBounds, RejectionStore};

/// The time between two looks.
const EACH: Duration = Duration::from_secs(1);
/// The longest time without a new rejection after which old ones are removed all the same.
const IDLE: Duration = Duration::from_secs(3600);
/// The looks in a row at which the writer may put rejections off. Then they go in all the same:
/// their number is small.
const PATIENCE: u32 = 10;

/// Starts the thread. `settings` says what is kept at the time.
pub(super) fn keep(
    store: Arc<dyn RejectionStore>,
    rejections: Arc<Rejections>,
    settings: impl Fn() -> RejectionSettings + Send + 'static,
) -> std::io::Result<OwnedThread> {
    OwnedThread::start("rejections", move |stop| {
        let mut keeper = Keeper::default();
        loop {
            let ends = stop.wait(EACH);
            let settings = settings();
            rejections.keep_body(settings.body);
            keeper.look(&*store, rejections.take_kept(), settings, ends);
            if ends {
                return;
            }
        }
    })
}

/// The rejections that the writer has put off.
#[derive(Default)]
struct Keeper {
    waiting: Vec<Rejection>,
    put_off: u32,
    idle: Duration,
}

impl Keeper {
    fn look(
        &mut self,
        store: &dyn RejectionStore,
        new: Vec<Rejection>,
        settings: RejectionSettings,
        is_last: bool,
    ) {
        if settings.keep > 0 && self.waiting.len() < Rejections::MOST_KEPT {
            self.waiting.extend(new);
        }
        self.idle += EACH;
        if self.waiting.is_empty() && self.idle < IDLE.min(settings.retention) {
            return;
        }
        let bounds = RejectionBounds {
            keep: settings.keep,
            retention: settings.retention,
        };
        let insists = is_last || self.put_off >= PATIENCE;
        match store.keep_rejections(&self.waiting, bounds, insists) {
            Ok(false) => self.put_off += 1,
            Ok(true) => *self = Self::default(),
            Err(error) => {
                tracing::debug!(%error, lost = self.waiting.len(), "rejections are not kept");
                *self = Self::default();
            }
        }
    }
}
