//! Tests of the gateway in memory: it keeps the promises of the real gateway, as a handler sees
//! them.

mod commits;
mod effects;
mod inputs;
mod schedule;
mod state;

use serde_json::json;

use super::{Host, Run, event};
use crate::{Error, Event, Failure, Outcome, done};

/// Makes an event of no particular kind.
fn any() -> Event {
    event(
        "thing.happened",
        &json!({"id": "evt_1", "created": 7, "account": "acct_1"}),
    )
}

/// Runs a body whose errors are those of the SDK.
fn run(host: &mut Host, body: impl FnOnce() -> Result<(), Error>) -> Run {
    host.run(
        |_| -> Result<Outcome, Failure> {
            body()?;
            done()
        },
        any(),
    )
}

/// Runs a body that the SDK refuses. Returns the reason of the rejection.
fn refused(body: impl FnOnce() -> Result<(), Error>) -> String {
    refused_by(Host::new(), body)
}

fn refused_by(mut host: Host, body: impl FnOnce() -> Result<(), Error>) -> String {
    match run(&mut host, body).result {
        Err(Failure::Reject(why)) => why,
        other => panic!("not rejected: {other:?}"),
    }
}
