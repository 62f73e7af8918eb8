//! The numbers that rows hold in place of names.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, ToSql};

use crate::RequestHost;
use tollgate_base::event::{ComponentDigest, HandlerName, SourceName};

/// The numbers of names that were met, so that a row costs no lookup, and how many events
/// these handlers have scheduled. A cache: it may be emptied at any time.
#[derive(Default)]
pub(crate) struct Names {
    sources: HashMap<SourceName, i64>,
    handlers: HashMap<HandlerName, i64>,
    components: HashMap<ComponentDigest, i64>,
    hosts: HashMap<RequestHost, i64>,
    scheduled: HashMap<i64, i64>,
}

impl Names {
    /// The number of a source's name; a new name gets one.
    pub(crate) fn source(&mut self, conn: &Connection, name: &SourceName) -> Result<i64> {
        if let Some(id) = self.sources.get(name) {
            return Ok(*id);
        }
        let id = number(
            conn,
            "SELECT id FROM sources WHERE name = ?1",
            "INSERT INTO sources (name) VALUES (?1)",
            name.as_str(),
        )?;
        self.sources.insert(name.clone(), id);
        Ok(id)
    }

    /// The number of a handler's name; a new name gets one.
    pub(crate) fn handler(&mut self, conn: &Connection, name: &HandlerName) -> Result<i64> {
        if let Some(id) = self.handlers.get(name) {
            return Ok(*id);
        }
        let id = number(
            conn,
            "SELECT id FROM handlers WHERE name = ?1",
            "INSERT INTO handlers (name) VALUES (?1)",
            name.as_str(),
        )?;
        self.handlers.insert(name.clone(), id);
        Ok(id)
    }

    /// The number of a component's digest; a new digest gets one.
    pub(crate) fn component(&mut self, conn: &Connection, digest: &ComponentDigest) -> Result<i64> {
        if let Some(id) = self.components.get(digest) {
            return Ok(*id);
        }
        let id = number(
            conn,
            "SELECT id FROM components WHERE digest = ?1",
            "INSERT INTO components (digest) VALUES (?1)",
            digest.0.as_slice(),
        )?;
        self.components.insert(*digest, id);
        Ok(id)
    }

    /// The number of a host; a new host gets one.
    pub(crate) fn host(&mut self, conn: &Connection, host: &RequestHost) -> Result<i64> {
        if let Some(id) = self.hosts.get(host) {
            return Ok(*id);
        }
        let id = number(
            conn,
            "SELECT id FROM hosts WHERE name = ?1",
            "INSERT INTO hosts (name) VALUES (?1)",
            host.as_str(),
        )?;
        self.hosts.insert(host.clone(), id);
        Ok(id)
    }

    /// How many events the handler of this number has scheduled.
    pub(crate) fn scheduled(&mut self, conn: &Connection, handler: i64) -> Result<i64> {
        if let Some(many) = self.scheduled.get(&handler) {
            return Ok(*many);
        }
        let many = conn
            .prepare_cached("SELECT count(*) FROM schedule WHERE handler = ?1")?
            .query_row([handler], |row| row.get(0))?;
        self.scheduled.insert(handler, many);
        Ok(many)
    }

    /// Notes that a handler has so many more scheduled events.
    pub(crate) fn add_scheduled(&mut self, handler: i64, by: i64) {
        // A handler that was not counted yet is counted when that is needed.
        if let Some(many) = self.scheduled.get_mut(&handler) {
            *many += by;
        }
    }
}

fn number(conn: &Connection, select: &str, insert: &str, name: impl ToSql) -> Result<i64> {
    let found = conn
        .prepare_cached(select)?
        .query_row([&name], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => conn.prepare_cached(insert)?.insert([&name]),
    }
}
