//! Tests of the outbox: its memory against a model, and whole, over real sockets.

mod clock;
mod harness;
mod https;
mod queue;
mod responses;
mod sending;
