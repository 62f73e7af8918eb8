//! Looks after the lanes: claims from the ledger what is due or did not fit, tells the ledger
//! which handlers are served, and starts workers when those that are there are stuck.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::lanes::Lanes;
use super::pool::{basic_threads, grow};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::LedgerError;

/// How soon workers that are all busy count as stuck, if something else waits.
const TICK: Duration = Duration::from_millis(5);
/// How soon to look again at something that could not be done now.
const SOON: Duration = Duration::from_millis(50);
/// The clock is looked at this often, so that a machine that slept delays nothing by
/// more.
const LONGEST: Duration = Duration::from_secs(1);
/// After an error of the ledger's.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// The supervisor's thread.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut taken = 0;
    loop {
        let looked = look(shared);
        if let Err(error) = &looked {
            tracing::warn!(%error, "the ledger could not be read for what is due");
        }
        let mut lanes = shared.lanes.lock();
        if lanes.stopping {
            return;
        }
        if stuck(&lanes, taken, shared) {
            drop(lanes);
            grow(shared);
            lanes = shared.lanes.lock();
        }
        taken = lanes.taken;
        lanes.ticking = lanes.has_work();
        let wait = if looked.is_err() {
            AFTER_ERROR
        } else {
            wait(&mut lanes, shared)
        };
        if !wait.is_zero() {
            shared.attention.wait_for(&mut lanes, wait);
        }
        if lanes.pause_left().is_none() && lanes.has_work() {
            shared.work.notify_one();
        }
    }
}

/// Whether another worker would help: fewer than the basic number, or none has taken
/// anything since the last look although something waits.
fn stuck(lanes: &Lanes, taken: u64, shared: &Shared) -> bool {
    lanes.has_work()
        && lanes.idle_workers == 0
        && (lanes.threads < basic_threads(&shared.options) || lanes.taken == taken)
}

/// How long there will be nothing to look after, unless somebody calls.
fn wait(lanes: &mut Lanes, shared: &Shared) -> Duration {
    if lanes.wants_attention() {
        return Duration::ZERO;
    }
    if let Some(left) = lanes.pause_left() {
        return left;
    }
    if lanes.ticking {
        return TICK;
    }
    let now = shared.clock.now();
    let until = |due: SteadyTime| due.since(now).max(SOON);
    lanes
        .iter_mut()
        .filter_map(|(_, lane)| lane.looks_at())
        .map(until)
        .min()
        .map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// One round over everything that may need the ledger.
fn look(shared: &Shared) -> Result<(), LedgerError> {
    let mut lanes = shared.lanes.lock();
    lanes.look = false;
    if lanes.stopping {
        return Ok(());
    }
    if lanes.orphans {
        let (present, passing) = (lanes.names(), lanes.passing());
        let changed = lanes.changed;
        (lanes.orphans, lanes.changed) = (false, false);
        drop(lanes);
        let ledger = shared.ledger();
        let held = ledger.serve(&present);
        // What dead deliveries mean may have changed with the handlers' settings.
        let passed = held.and_then(|_| match changed {
            true => ledger.let_pass(&passing).map(drop),
            false => Ok(()),
        });
        if let Err(error) = passed {
            let mut lanes = shared.lanes.lock();
            lanes.orphans = true;
            lanes.changed |= changed;
            return Err(error);
        }
        lanes = shared.lanes.lock();
    }
    lanes.look_at_gates();
    let now = shared.clock.now();
    let wanting = lanes.wanting_claims(now);
    drop(lanes);
    wanting.iter().try_for_each(|name| claim(shared, name, now))
}

/// Claims deliveries of a handler that are not in memory.
fn claim(shared: &Shared, name: &HandlerName, now: SteadyTime) -> Result<(), LedgerError> {
    let mut lanes = shared.lanes.lock();
    let share = lanes.share_of_bytes();
    if lanes.changed {
        // A lane that finds nothing now would not look for what is yet to be released.
        return Ok(());
    }
    let Some(lane) = lanes.get_mut(name) else {
        return Ok(());
    };
    lane.rest.claim_begins();
    let (room, bytes) = (lane.room(), share.saturating_sub(lane.queued_bytes()));
    drop(lanes);
    let claimed = shared.ledger().claim(name, now, room, bytes);
    let mut lanes = shared.lanes.lock();
    let Some(lane) = lanes.get_mut(name) else {
        // Dropping what was claimed gives it back.
        return Ok(());
    };
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(error) => {
            lane.rest.left_behind();
            return Err(error);
        }
    };
    lane.rest.claim_ended(claimed.more, claimed.next);
    lane.refill(claimed.leased);
    lanes.look |= lane.wants_claim(now, share);
    lanes.line_up(name);
    shared.notify(&lanes);
    Ok(())
}
