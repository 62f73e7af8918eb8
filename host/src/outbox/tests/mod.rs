//! Tests of the outbox: its memory against a model, and whole, over real sockets.

/// A test with a runtime of two threads.
macro_rules! test {
    ($(#[$doc:meta])* async fn $name:ident() $body:block) => {
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() $body
    };
}

mod clock;
mod harness;
mod https;
mod lanes;
mod receiver;
mod responses;
mod sending;
mod waiting;
