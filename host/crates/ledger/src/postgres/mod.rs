//! The engine for many gateways on one PostgreSQL database.
//!
//! Each gateway has one writer ([`write`](self::write)), which commits all waiting operations in
//! one transaction. Gateways write beside each other: a transaction locks, by advisory locks in one
//! order, the keys that it touches ([`locks`]), before its first statement that reads. Claims and
//! reads have connections of their own.
//!
//! Who works on what stands in the rows: `owner` is the run of a gateway, `token` the fencing
//! token. A gateway keeps its leases by a row of its own, which it renews ([`gateway`]); other
//! gateways end the leases of one that is not heard of, by the database's clock. Every transaction
//! checks that its gateway has not been ended, so that one that was cut off commits nothing.
//!
//! No sequence of the database is asked for a number: see [`numbers`].

mod background;
mod book;
mod claims;
mod clocks;
mod connection;
mod core;
mod counters;
mod error;
mod exchanges;
mod gateway;
mod keep;
mod ledger;
mod locks;
mod marks;
mod newest;
mod numbers;
mod operations;
mod options;
mod read;
mod readers;
mod reading;
mod roles;
mod rows;
mod schema;
mod server;
mod text;
mod tls;
mod transaction;
mod url;
mod values;
mod write;

#[cfg(test)]
mod tests;
