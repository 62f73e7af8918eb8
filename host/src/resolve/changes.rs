//! What follows from a change of a source's settings.

use crate::settings::Source;
use tollgate_base::event::SourceName;
use tollgate_ledger::{LedgerError, ResolutionStore};

/// Makes the waiting events of changed sources due. At the start, those that wait for an operator
/// alone: the operator may have mended something, and the other due times stand, since the earlier
/// process may have ended a moment ago.
pub(super) fn hasten(
    ledger: &dyn ResolutionStore,
    changed: &[SourceName],
    first: bool,
) -> Result<(), LedgerError> {
    let waiting = ledger.waiting_resolutions()?;
    let waiting = waiting.iter().filter(|of| !first || of.to_mend > 0);
    for of in waiting.filter(|of| changed.contains(&of.source)) {
        ledger.hasten_resolutions(&of.source, first)?;
    }
    Ok(())
}

/// Whether two generations' settings of a source ask in the same way.
pub(super) fn same(before: &Source, now: &Source) -> bool {
    match (&before.resolve, &now.resolve) {
        (Some(before), Some(now)) => before.same(now),
        (None, None) => true,
        _ => false,
    }
}
