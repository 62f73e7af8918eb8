//! Fixtures: events that a handler's component must handle as expected before it may
//! serve.
//!
//! A fixture is a JSON file:
//! ```json
//! {
//!   "event": { "kind": "invoice.paid", "subject": "in_1", "payload": { "id": "evt_1" } },
//!   "state": { "key": "value before" },
//!   "expect": {
//!     "outcome": "done",
//!     "state": { "key": "value after", "removed": null },
//!     "outbox": ["POST https://crm.example.com/orders"],
//!     "emitted": ["order.fulfilled"],
//!     "scheduled": { "key": "reminder.due", "cancelled": null }
//!   }
//! }
//! ```
//! Only `event.kind`, `event.payload` and `expect.outcome` are required; what `expect` does
//! not name is not looked at. A payload or a value of state that is a string stands for
//! its bytes, anything else for its JSON text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::settings::Handler;
use tollgate_base::event::{Event, EventId, Headers, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Delivery, DeliverySeq, ScheduleWrite, StateWrite};
use tollgate_sandbox::{Component, Run, Sandbox, StateSource};

/// A fixture that could not be run or did not come out as expected.
#[derive(Debug, thiserror::Error)]
#[error("fixture {}: {problem}", path.display())]
pub struct FixtureError {
    /// The file, or the pattern if no file matches it.
    pub path: PathBuf,
    /// What went wrong.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    event: FixtureEvent,
    #[serde(default)]
    state: BTreeMap<String, Value>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixtureEvent {
    kind: String,
    #[serde(default = "default_source")]
    source: String,
    provider_id: Option<String>,
    subject: Option<String>,
    account: Option<String>,
    created_ms: Option<WallTime>,
    payload: Value,
}

fn default_source() -> String {
    "fixture".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: String,
    state: Option<BTreeMap<String, Value>>,
    outbox: Option<Vec<String>>,
    emitted: Option<Vec<String>>,
    scheduled: Option<BTreeMap<String, Option<String>>>,
}

/// A delivery of an event that says nothing, to make an instance with.
pub fn blank_delivery(handler: &Handler) -> Delivery {
    delivery(
        handler,
        FixtureEvent {
            kind: "tollgate.probe".to_owned(),
            source: default_source(),
            provider_id: None,
            subject: None,
            account: None,
            created_ms: None,
            payload: Value::Null,
        },
    )
}

/// Runs all fixtures of a handler; answers what did not come out as expected.
pub fn run(sandbox: &Sandbox, component: &Component, handler: &Arc<Handler>) -> Vec<FixtureError> {
    let Some(pattern) = &handler.fixtures else {
        return Vec::new();
    };
    let at = |path: &Path, problem| FixtureError {
        path: path.to_owned(),
        problem,
    };
    match files(pattern) {
        Ok(files) if files.is_empty() => vec![at(pattern, "no file matches".to_owned())],
        Ok(files) => files
            .iter()
            .filter_map(|path| {
                run_one(sandbox, component, handler, path)
                    .err()
                    .map(|problem| at(path, problem))
            })
            .collect(),
        Err(error) => vec![at(pattern, format!("cannot be read: {error}"))],
    }
}

/// The files that match a pattern, in order. `*` is understood in the file's name.
pub fn files(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = pattern
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = EventPattern::new(pattern.file_name().unwrap_or_default().to_string_lossy());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|file| name.matches(&file.to_string_lossy()))
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn run_one(
    sandbox: &Sandbox,
    component: &Component,
    handler: &Arc<Handler>,
    path: &Path,
) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let fixture: Fixture =
        serde_json::from_slice(&text).map_err(|error| format!("is not a fixture: {error}"))?;
    let state = fixture
        .state
        .into_iter()
        .map(|(key, value)| (key, bytes_of(value)))
        .collect();
    let delivery = delivery(handler, fixture.event);
    let run = sandbox.run(
        component,
        &handler.guest,
        &delivery,
        StateSource::Given(Arc::new(state)),
    );
    compare(&fixture.expect, &run)
}

fn delivery(handler: &Handler, event: FixtureEvent) -> Delivery {
    Delivery {
        seq: DeliverySeq(0),
        handler: handler.name.clone(),
        event: Arc::new(Event {
            id: EventId::derived(WallTime::EPOCH, event.kind.as_bytes()),
            source: SourceName::new(event.source),
            provider_id: event.provider_id,
            kind: event.kind,
            subject: event.subject,
            account: event.account,
            created: event.created_ms,
            received: event.created_ms.unwrap_or(WallTime::EPOCH),
            headers: Headers::default(),
            metadata: Vec::new(),
            depth: 0,
            payload: Bytes::from(bytes_of(event.payload)),
        }),
        attempts: 0,
        run: 0,
        keys: 0,
        component: None,
        crashes: 0,
        since: WallTime::EPOCH,
        excused: 0,
        key: None,
    }
}

fn bytes_of(value: Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn compare(expect: &Expect, run: &Run) -> Result<(), String> {
    let (outcome, detail) = run.end.name_and_detail();
    if outcome != expect.outcome {
        let because = if detail.is_empty() {
            detail
        } else {
            format!(" ({detail})")
        };
        return Err(format!(
            "expected `{}`, it was `{outcome}`{because}",
            expect.outcome
        ));
    }
    let requests = || {
        run.effects
            .outbox
            .iter()
            .map(|request| format!("{} {}", request.method, request.url))
    };
    let emitted = || run.effects.emitted.iter().map(|new| new.event.kind.clone());
    same("outbox", expect.outbox.as_deref(), || requests().collect())?;
    same("emitted", expect.emitted.as_deref(), || emitted().collect())?;
    for (key, kind) in expect.scheduled.iter().flatten() {
        compare_scheduled(run, key, kind.as_deref())?;
    }
    for (key, value) in expect.state.iter().flatten() {
        compare_state(run, key, value)?;
    }
    Ok(())
}

fn same(
    what: &str,
    expected: Option<&[String]>,
    found: impl Fn() -> Vec<String>,
) -> Result<(), String> {
    match expected {
        Some(expected) if *expected != found()[..] => Err(format!(
            "expected {what} {expected:?}, it was {:?}",
            found()
        )),
        _ => Ok(()),
    }
}

fn compare_scheduled(run: &Run, key: &str, expected: Option<&str>) -> Result<(), String> {
    let mut writes = run.effects.schedule.iter();
    let found = match writes.find(|(written, _)| written == key) {
        None => Some("left as it was"),
        Some((_, ScheduleWrite::Cancel)) => None,
        Some((_, ScheduleWrite::Put(new))) => Some(new.kind.as_str()),
    };
    if found == expected {
        Ok(())
    } else {
        let shown = |entry: Option<&str>| entry.unwrap_or("cancelled").to_owned();
        let (expected, found) = (shown(expected), shown(found));
        Err(format!(
            "expected `{key}` of the schedule to be {expected}, it was {found}"
        ))
    }
}

fn compare_state(run: &Run, key: &str, expected: &Value) -> Result<(), String> {
    let write = run
        .effects
        .state
        .iter()
        .find(|(written, _)| written == key)
        .map(|(_, write)| write);
    let holds = match (write, expected) {
        (Some(StateWrite::Delete), Value::Null) => true,
        (Some(StateWrite::Set(value)), expected) => {
            *value == bytes_of(expected.clone())
                || serde_json::from_slice::<Value>(value).is_ok_and(|value| value == *expected)
        }
        (Some(StateWrite::Add(delta)), expected) => expected.as_i64() == Some(*delta),
        _ => false,
    };
    if holds {
        Ok(())
    } else {
        Err(format!(
            "expected state `{key}` to be written as {expected}, it was {write:?}"
        ))
    }
}
