//! The top of the manifest.

use crate::manifest::table::TableSchema;

/// The tables of the manifest.
pub(crate) const ROOT: TableSchema = TableSchema {
    name: "the manifest",
    keys: &[
        "version",
        "server",
        "ledger",
        "plugins",
        "reload",
        "outbox",
        "schemes",
        "sources",
        "handlers",
        "routes",
        "alerts",
        "alert_receivers",
    ],
    unsupported: &[],
    instead: &[],
};
