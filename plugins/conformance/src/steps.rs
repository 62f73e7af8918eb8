//! The code of each step.

use std::time::Duration;

use serde_json::Value;
use tollgate_handler::log::Level;
use tollgate_handler::prelude::*;

use crate::hostile;
use crate::program::{EmitStep, ScheduleStep, SendStep, Step};

/// The result of a run that ends before its last step.
type End = Option<Result<Outcome, Failure>>;

/// Runs one step. Returns the run's result if the step ends the run.
pub(crate) fn run(event: &Event, step: Step) -> Result<End, Error> {
    match step {
        Step::Done => return Ok(Some(done())),
        Step::Ignored { reason } => return Ok(Some(ignored(reason))),
        Step::Retry { reason, after_ms } => return Ok(Some(Err(retry_after(reason, after_ms)))),
        Step::Flaky {
            succeed_at,
            after_ms,
        } if event.attempt < succeed_at => {
            let reason = format!("attempt {} of {succeed_at}", event.attempt);
            return Ok(Some(Err(retry_after(reason, after_ms))));
        }
        Step::TrapUntil { succeed_at } if event.attempt < succeed_at => {
            panic!("attempt {} of {succeed_at}", event.attempt);
        }
        Step::Flaky { .. } | Step::TrapUntil { .. } => {}
        Step::Reject {
            reason,
            unless_replay,
        } if !unless_replay || !event.replay => return Ok(Some(Err(reject(reason)))),
        Step::Reject { .. } => {}
        Step::Panic { message } => panic!("{message}"),
        Step::Trap => trap(),
        Step::Loop => hostile::spin_for_ever(),
        Step::Spin { millions } => hostile::spin(millions),
        Step::Allocate { bytes } => {
            let taken = hostile::allocate(bytes.unwrap_or(usize::MAX));
            log::info!("allocate", bytes = taken);
        }
        Step::Recurse { depth } => {
            let sum = hostile::recurse(depth.unwrap_or(u64::MAX));
            log::debug!("recurse", sum = sum);
        }
        Step::HugeLog { bytes } => log::write(Level::Info, &"x".repeat(bytes), Vec::new()),
        Step::ManyLogs { count } => (0..count).for_each(|n| log::info!("line {n}")),
        Step::ManyCalls { count } => (0..count).for_each(|_| drop(config::get("none"))),
        Step::Print { text } => print(&text),
        Step::Log {
            level,
            message,
            fields,
        } => log::write(level_of(&level), &message, fields),
        Step::Echo => log::info!("echo", event = echo(event)),
        Step::Resolved => log::write(Level::Info, "resolved", told()),
        Step::Config => log::write(Level::Info, "config", config::entries()),
        effect => return run_effect(effect).map(|()| None),
    }
    Ok(None)
}

/// Runs a step that reads or writes through the gateway.
fn run_effect(step: Step) -> Result<(), Error> {
    match step {
        Step::Get { key } => get(key.text()),
        Step::Set { key, value } => state::set_bytes(&key.text(), value.bytes()),
        Step::Delete { key } => state::delete(&key.text()),
        Step::List {
            prefix,
            after,
            limit,
        } => list(&prefix, after.as_deref(), limit),
        Step::Add { key, delta } => state::add(&key.text(), delta),
        Step::Increment { key, delta } => {
            let key = key.text();
            let count = state::counter(&key)?;
            state::set(&key, &(count + delta))
        }
        Step::HugeState { key, bytes } => state::set_bytes(&key.text(), vec![b'x'; bytes]),
        Step::Send(step) => send(&step),
        Step::Emit(step) => emit_events(&step),
        Step::Schedule(step) => put(step),
        Step::Cancel { key } => schedule::cancel(&key.text()),
        step => unreachable!("{} has no effect", step.name()),
    }
}

fn list(prefix: &str, after: Option<&str>, limit: u32) -> Result<(), Error> {
    let entries = state::list_bytes(prefix, after, limit)?;
    let fields = entries
        .into_iter()
        .map(|(key, value)| (key, lossy(&value)))
        .collect();
    log::write(Level::Info, "list", fields);
    Ok(())
}

fn send(step: &SendStep) -> Result<(), Error> {
    let body = bytes_of(&step.body);
    for _ in 0..step.times {
        let mut request = outbox::request(&step.method, &step.url).body(body.clone());
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &step.order_key {
            request = request.order_key(key);
        }
        if let Some(steps) = &step.respond {
            request = request.respond(steps.to_string());
        }
        log::info!("send", key = request.send()?);
    }
    Ok(())
}

fn emit_events(step: &EmitStep) -> Result<(), Error> {
    let payload = bytes_of(&step.payload);
    for _ in 0..step.times {
        let mut event = emit::event(&step.kind).payload(payload.clone());
        if let Some(subject) = &step.subject {
            event = event.subject(subject);
        }
        log::info!("emit", id = event.send()?);
    }
    Ok(())
}

fn put(step: ScheduleStep) -> Result<(), Error> {
    let mut entry = match step.at_ms {
        Some(time) => schedule::at_ms(time, step.kind),
        None => schedule::after(Duration::from_millis(step.after_ms), step.kind),
    };
    entry = entry.payload(bytes_of(&step.payload));
    if let Some(subject) = &step.subject {
        entry = entry.subject(subject);
    }
    entry.put(&step.key.text())
}

/// What the provider's API told, as fields.
fn told() -> Vec<(String, String)> {
    let answers = [("object", resolved::object()), ("event", resolved::event())];
    let mut fields = Vec::new();
    for (name, answer) in answers {
        let Some(answer) = answer else { continue };
        let body = answer.body.as_deref().map_or("gone".into(), lossy);
        fields.push((name.into(), body));
        fields.push(("read_ms".into(), answer.read_ms.to_string()));
    }
    fields
}

fn get(key: String) -> Result<(), Error> {
    let mut fields = Vec::new();
    if let Some(value) = state::get_bytes(&key)? {
        fields.push(("value".into(), lossy(&value)));
    }
    fields.insert(0, ("key".into(), key));
    log::write(Level::Info, "get", fields);
    Ok(())
}

fn retry_after(reason: String, after_ms: Option<u64>) -> Failure {
    let failure = retry(reason);
    match after_ms {
        Some(ms) => failure.after(Duration::from_millis(ms)),
        None => failure,
    }
}

fn level_of(name: &str) -> Level {
    match name {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    }
}

/// Returns the whole event as JSON.
fn echo(event: &Event) -> Value {
    let payload = match std::str::from_utf8(&event.payload) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(event.payload.clone()),
    };
    json!({
        "id": event.id,
        "source": event.source,
        "provider_id": event.provider_id,
        "kind": event.kind,
        "subject": event.subject,
        "account": event.account,
        "created_ms": event.created_ms,
        "received_ms": event.received_ms,
        "attempt": event.attempt,
        "replay": event.replay,
        "headers": event.headers,
        "metadata": event.metadata,
        "payload": payload,
    })
}

fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tests look at this output"
)]
fn print(text: &str) {
    println!("out: {text}");
    eprintln!("err: {text}");
}

/// Traps without a message.
#[cfg(target_family = "wasm")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn trap() -> ! {
    panic!("trap")
}
