//! The values that the writer keeps in memory from one transaction to the next.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, Result};

use super::names::Names;
use super::numbers::Numbers;
use super::recent_keys::RecentKeys;
use crate::sqlite::counters::Counters;
use crate::sqlite::leases::LeaseBook;
use tollgate_base::event::HandlerName;

/// The values in memory that agree with the file at each commit. Operations reach them
/// through the transaction alone, which takes their changes back if it is undone.
pub(crate) struct Memory {
    pub(super) names: Names,
    pub(super) numbers: Numbers,
    pub(super) counters: Counters,
    pub(super) keys: RecentKeys,
    /// The handlers that this gateway serves; unknown until it has registered them.
    pub(super) served: Option<Arc<HashSet<HandlerName>>>,
    /// Changes after a commit alone.
    pub(super) leases: LeaseBook,
    pub(super) max_scheduled: i64,
}

impl Memory {
    /// As the file has it. A handler may have `max_scheduled` scheduled events.
    pub(crate) fn load(conn: &Connection, max_scheduled: u32, leases: LeaseBook) -> Result<Self> {
        let counters = Counters::load(conn)?;
        Ok(Self {
            names: Names::default(),
            numbers: Numbers::load(conn, &counters)?,
            keys: RecentKeys::load(conn, &counters)?,
            counters,
            served: None,
            leases,
            max_scheduled: max_scheduled.into(),
        })
    }
}
