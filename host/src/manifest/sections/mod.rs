//! The sections of the manifest: one file for each table and for each larger setting.

mod acme;
mod address;
mod admin_tokens;
mod alert_receivers;
pub(crate) mod alerts;
mod allow;
mod allow_from;
mod backlog;
mod breaker;
pub(crate) mod handlers;
mod hosts;
mod json_schema;
pub(crate) mod ledger;
mod networks;
mod order;
pub(crate) mod outbox;
mod per_address;
pub(crate) mod plugins;
mod proxies;
mod redirect;
mod rejections;
pub(crate) mod reload;
mod resolve;
pub(crate) mod retention;
mod retry;
pub(crate) mod root;
pub(crate) mod routes;
pub(crate) mod schemes;
pub(crate) mod server;
pub(crate) mod sources;
mod strict;
mod tls;

pub(crate) use json_schema::json_schema;
