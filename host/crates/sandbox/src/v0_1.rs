//! The interfaces of `tollgate:handler@0.1.x`: translates between the generated bindings and a
//! [`Call`].

use std::time::Duration;

use serde_json::{Value, json};
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::v0_1 as bindings;
use crate::bindings::v0_1::tollgate::handler::{
    config, emit, log, outbox, resolved, schedule, state, types,
};
use crate::call::{Call, Stop};
use crate::effects::Refused;
use crate::outcome::End;
use crate::state::StateError;
use crate::trace;
use tollgate_base::event::Event;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Delivery, Due, Resolved, Told};

/// Adds the functions that components of this version import.
pub(crate) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    bindings::Handler::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)
}

/// Calls a guest of this version.
pub(crate) fn call(
    handler: &bindings::Handler,
    store: &mut Store<Call>,
    delivery: &Delivery,
) -> wasmtime::Result<End> {
    let texts = Texts::of(&delivery.event);
    let event = lower(delivery, &texts);
    Ok(lift(handler.call_handle(store, event)?))
}

/// Calls a guest of this version that may wait.
pub(crate) async fn call_async(
    handler: &bindings::Handler,
    store: &mut Store<Call>,
    delivery: &Delivery,
) -> wasmtime::Result<End> {
    let texts = Texts::of(&delivery.event);
    let event = lower(delivery, &texts);
    let handle = handler.func_handle();
    let (answer,) = handle.call_async(store, (event,)).await?;
    Ok(lift(answer))
}

/// The event as guests of this version get it.
fn lower<'a>(delivery: &'a Delivery, texts: &'a Texts<'a>) -> types::Event<'a> {
    let event = &delivery.event;
    types::Event {
        id: &texts.id,
        source: event.source.as_str(),
        provider_id: event.provider_id.as_deref(),
        kind: &event.kind,
        subject: event.subject.as_deref(),
        account: event.account.as_deref(),
        created_ms: event.created.map(WallTime::as_millis),
        received_ms: event.received.as_millis(),
        attempt: delivery.attempts + 1,
        replay: delivery.is_replay(),
        headers: &texts.headers,
        metadata: &texts.metadata,
        payload: &event.payload,
    }
}

/// The texts of an [`Event`] in the form that guests get.
struct Texts<'a> {
    id: String,
    headers: Vec<(&'a str, &'a str)>,
    metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Texts<'a> {
    fn of(event: &'a Event) -> Self {
        let borrow = |pairs: &'a [(String, String)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect()
        };
        Self {
            id: event.id.to_string(),
            headers: event.headers.iter().collect(),
            metadata: borrow(&event.metadata),
        }
    }
}

/// The end of a run whose guest returned `answer`.
fn lift(answer: Result<types::Outcome, types::Failure>) -> End {
    match answer {
        Ok(types::Outcome::Done) => End::Done,
        Ok(types::Outcome::Ignored(reason)) => End::Ignored(reason),
        Err(types::Failure::Retry(retry)) => End::Retry {
            reason: retry.reason,
            after: retry.after_ms.map(Duration::from_millis),
        },
        Err(types::Failure::Reject(reason)) => End::Reject(reason),
    }
}

impl types::Host for Call {}

impl log::Host for Call {
    fn log(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => "trace",
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let call = self.begin(
            "log.log",
            || json!({ "level": level, "message": message, "fields": fields }),
        )?;
        self.logs.push(level, &message, &fields);
        self.end(call, || Value::Null);
        Ok(())
    }
}

impl config::Host for Call {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let call = self.begin("config.get", || json!({ "key": key }))?;
        let value = self.guest.config.get(&key).cloned();
        self.end(call, || json!(value));
        Ok(value)
    }

    fn entries(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let call = self.begin("config.entries", || json!({}))?;
        let entries = self.guest.config.iter();
        let entries: Vec<_> = entries
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.end(call, || json!(entries));
        Ok(entries)
    }
}

/// Separates the errors that the guest gets from those that end the run.
fn state_result<T>(result: Result<T, StateError>) -> wasmtime::Result<Result<T, state::Error>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(StateError::InvalidKey) => Ok(Err(state::Error::InvalidKey)),
        Err(StateError::NotACounter) => Ok(Err(state::Error::NotACounter)),
        Err(StateError::Ledger(error)) => Err(Stop::Ledger(error).into()),
    }
}

impl state::Host for Call {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, state::Error>> {
        let call = self.begin("state.get", || json!({ "key": key }))?;
        let found = state_result(self.state.get(&key))?;
        self.end(call, || {
            trace::result(&found, |value| json!(value.as_deref().map(trace::bytes)))
        });
        Ok(found)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), state::Error>> {
        let call = self.begin(
            "state.set",
            || json!({ "key": key, "value": trace::bytes(&value) }),
        )?;
        let set = match self.effects.take(key.len() + value.len()) {
            true => state_result(self.state.set(key, value))?,
            false => Err(state::Error::TooLarge),
        };
        self.end(call, || trace::result(&set, |()| Value::Null));
        Ok(set)
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), state::Error>> {
        let call = self.begin("state.delete", || json!({ "key": key }))?;
        let deleted = match self.effects.take(key.len()) {
            true => state_result(self.state.delete(key))?,
            false => Err(state::Error::TooLarge),
        };
        self.end(call, || trace::result(&deleted, |()| Value::Null));
        Ok(deleted)
    }

    fn list(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<(String, Vec<u8>)>, state::Error>> {
        let call = self.begin(
            "state.list",
            || json!({ "prefix": prefix, "after": after, "limit": limit }),
        )?;
        let listed = state_result(self.state.list(&prefix, after.as_deref(), limit))?;
        self.end(call, || {
            let entry = |(key, value): &(String, Vec<u8>)| json!([key, trace::bytes(value)]);
            trace::result(&listed, |entries| entries.iter().map(entry).collect())
        });
        Ok(listed)
    }

    fn add(&mut self, key: String, delta: i64) -> wasmtime::Result<Result<(), state::Error>> {
        let call = self.begin("state.add", || json!({ "key": key, "delta": delta }))?;
        let added = match self.effects.take(key.len()) {
            true => state_result(self.state.add(key, delta))?,
            false => Err(state::Error::TooLarge),
        };
        self.end(call, || trace::result(&added, |()| Value::Null));
        Ok(added)
    }
}

impl outbox::Host for Call {
    fn send(
        &mut self,
        request: outbox::Request,
    ) -> wasmtime::Result<Result<String, outbox::Error>> {
        let outbox::Request {
            method,
            url,
            headers,
            body,
            order_key,
            respond,
        } = request;
        let call = self.begin("outbox.send", || {
            json!({
                "method": method, "url": url, "headers": headers, "body": trace::bytes(&body),
                "order_key": order_key, "respond": respond,
            })
        })?;
        let sent = self
            .effects
            .send(&method, url, headers, body, order_key, respond)
            .map_err(|refused| match refused {
                Refused::Invalid(why) => outbox::Error::Invalid(why),
                Refused::NotAllowed(origin) => outbox::Error::NotAllowed(origin),
                Refused::TooDeep => outbox::Error::TooDeep,
                Refused::TooLarge | Refused::InvalidKey => outbox::Error::TooLarge,
            });
        self.end(call, || trace::result(&sent, |key| json!(key)));
        Ok(sent)
    }
}

impl emit::Host for Call {
    fn emit(&mut self, event: emit::NewEvent) -> wasmtime::Result<Result<String, emit::Error>> {
        let call = self.begin("emit.emit", || {
            json!({
                "kind": event.kind, "subject": event.subject,
                "payload": trace::bytes(&event.payload),
            })
        })?;
        let emitted = self.effects.emit(event.kind, event.subject, event.payload);
        let emitted = emitted
            .map(|id| id.to_string())
            .map_err(|refused| match refused {
                Refused::Invalid(why) | Refused::NotAllowed(why) => emit::Error::Invalid(why),
                Refused::TooDeep => emit::Error::TooDeep,
                Refused::TooLarge | Refused::InvalidKey => emit::Error::TooLarge,
            });
        self.end(call, || trace::result(&emitted, |id| json!(id)));
        Ok(emitted)
    }
}

impl schedule::Host for Call {
    fn put(
        &mut self,
        key: String,
        entry: schedule::Entry,
    ) -> wasmtime::Result<Result<(), schedule::Error>> {
        let (due, shown) = match entry.due {
            schedule::Due::AfterMs(delay) => (
                Due::After(Duration::from_millis(delay)),
                json!({ "after_ms": delay }),
            ),
            schedule::Due::AtMs(time) => (
                Due::At(WallTime::from_millis(time)),
                json!({ "at_ms": time }),
            ),
        };
        let call = self.begin("schedule.put", || {
            json!({
                "key": key, "due": shown, "kind": entry.kind, "subject": entry.subject,
                "payload": trace::bytes(&entry.payload),
            })
        })?;
        let put = self
            .effects
            .put(key, due, entry.kind, entry.subject, entry.payload)
            .map_err(schedule_error);
        self.end(call, || trace::result(&put, |()| Value::Null));
        Ok(put)
    }

    fn cancel(&mut self, key: String) -> wasmtime::Result<Result<(), schedule::Error>> {
        let call = self.begin("schedule.cancel", || json!({ "key": key }))?;
        let cancelled = self.effects.cancel(key).map_err(schedule_error);
        self.end(call, || trace::result(&cancelled, |()| Value::Null));
        Ok(cancelled)
    }
}

impl resolved::Host for Call {
    fn object(&mut self) -> wasmtime::Result<Option<resolved::Answer>> {
        let call = self.begin("resolved.object", || json!({}))?;
        let answer = self.answer(|resolved| resolved.object.as_ref());
        self.end(call, || shown(answer.as_ref()));
        Ok(answer)
    }

    fn event(&mut self) -> wasmtime::Result<Option<resolved::Answer>> {
        let call = self.begin("resolved.event", || json!({}))?;
        let answer = self.answer(|resolved| resolved.event.as_ref());
        self.end(call, || shown(answer.as_ref()));
        Ok(answer)
    }
}

impl Call {
    /// One of the answers of the provider's API.
    fn answer(&self, of: impl FnOnce(&Resolved) -> Option<&Told>) -> Option<resolved::Answer> {
        let resolved = self.resolved.as_deref()?;
        Some(resolved::Answer {
            read_ms: resolved.at.as_millis(),
            body: of(resolved)?.body().map(|body| body.to_vec()),
        })
    }
}

fn shown(answer: Option<&resolved::Answer>) -> Value {
    answer.map_or(Value::Null, |answer| {
        let body = answer.body.as_deref().map(trace::bytes);
        json!({ "read_ms": answer.read_ms, "body": body })
    })
}

fn schedule_error(refused: Refused) -> schedule::Error {
    match refused {
        Refused::InvalidKey => schedule::Error::InvalidKey,
        Refused::Invalid(why) | Refused::NotAllowed(why) => schedule::Error::Invalid(why),
        Refused::TooLarge | Refused::TooDeep => schedule::Error::TooLarge,
    }
}
