//! The command line: one file for each subcommand.
//!
//! Commands that ask a running gateway or read its ledger share [`gateway`]. Commands that sign or
//! verify a request share [`request`].

mod alerts;
mod arguments;
mod capture;
mod check;
mod command;
mod compile;
mod completions;
mod config;
mod deliveries;
mod dev;
mod environment;
mod events;
mod exit;
mod failure;
mod gateway;
mod handlers;
mod history;
mod init;
mod input;
mod ledger;
mod man;
mod outbox;
mod output;
#[cfg(test)]
mod page;
mod plugin;
mod progress;
mod replay;
mod request;
mod schedule;
mod schemes;
mod serve;
mod service_manager;
mod shadow;
mod sign;
mod state;
mod status;
mod table;
mod tail;
mod terminal;
mod trigger;
mod verify;

pub use command::main;
