//! Tollgate from the outside: the real binary, real sockets, real guests.
//!
//! Each test has a folder, a process and ports of its own and shares nothing, so tests run
//! side by side under `cargo test` and `cargo nextest run` alike. Nothing here calls the
//! gateway's library: what it signs, sends, counts and reads is code of its own, so that
//! one mistake cannot hide another.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test, and audits print their figures"
)]

mod harness;
mod scenarios;
