//! Going over all events for one kind of work.

use std::collections::VecDeque;

use rusqlite::{Connection, Result};

use super::history::EventRow;
use super::judge::{Kind, oldest_kept};
use crate::Retention;
use crate::engine::{self, PAGE, Verdict};
use crate::sqlite::newest;
use tollgate_base::time::Ages;

/// One kind of work, and how far it has come.
pub(crate) type Pass = engine::Pass<Kind>;

/// Looks at one page and adds the events that are ready to `found`; returns whether the pass has
/// come to its end.
pub(crate) fn look(
    pass: &mut Pass,
    conn: &Connection,
    retention: &Retention,
    ages: Ages,
    found: &mut VecDeque<i64>,
) -> Result<bool> {
    if matches!(pass.kind, Kind::ForgetNewest) {
        return look_for_newest(pass, conn, found);
    }
    if let Some(again) = pass.again() {
        let mut verdicts = Vec::with_capacity(again.len());
        for seq in again {
            verdicts.push(match EventRow::find(conn, seq)? {
                Some(event) => (seq, pass.kind.judge(conn, retention, &event, ages)?),
                None => (seq, Verdict::Done),
            });
        }
        pass.take_again(&verdicts, found);
        return Ok(false);
    }
    let page = EventRow::after(conn, pass.after, PAGE)?;
    let mut verdicts = Vec::with_capacity(page.len());
    for event in page {
        let verdict = pass.kind.judge(conn, retention, &event, ages)?;
        verdicts.push((event.seq, verdict));
    }
    Ok(pass.take(&verdicts, found))
}

/// Looks at a page of the events for which newest ranks are kept, as far as they are older than all
/// events that are kept.
fn look_for_newest(pass: &mut Pass, conn: &Connection, found: &mut VecDeque<i64>) -> Result<bool> {
    let end = oldest_kept(conn)?.unwrap_or(i64::MAX);
    let page = newest::kept_for(conn, pass.after, end, PAGE)?;
    pass.after = page.last().copied().unwrap_or(pass.after);
    let full = page.len() == PAGE;
    found.extend(page);
    Ok(!full)
}

/// Prepares a pass for the next sweep.
pub(crate) fn restart(pass: &mut Pass) {
    pass.restart();
    if matches!(pass.kind, Kind::ForgetNewest) {
        // Some of the keys may have had deliveries to run.
        pass.after = 0;
    }
}
