//! End-to-end tests of Tollgate: the real binary, real sockets, real guests.
//!
//! Each test has its own folder, process and ports and shares nothing, so tests run in
//! parallel under `cargo test` and `cargo nextest run`. No test calls the gateway's library:
//! the tests sign, send, count and read with code of their own, so one mistake cannot hide
//! another.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test, and audits print their figures"
)]

mod harness;
mod scenarios;
