//! A draft of `tollgate:handler@0.2.0`, to show that two versions are served at once. No gateway
//! has it: this module is for tests alone.

use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use self::bindings::tollgate::handler::{state, types};
pub(crate) use self::bindings::{Handler, HandlerPre};
use crate::call::Call;
use crate::outcome::End;
use tollgate_base::time::WallTime;
use tollgate_ledger::Delivery;

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        dead_code,
        reason = "generated from the draft of the WIT package"
    )]

    wasmtime::component::bindgen!({
        path: "src/v0_2",
        world: "tollgate:handler/handler",
        imports: { default: trappable },
    });
}

pub(crate) fn add_to_linker(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    Handler::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)
}

pub(crate) fn call(
    handler: &Handler,
    store: &mut Store<Call>,
    delivery: &Delivery,
) -> wasmtime::Result<End> {
    Ok(lift(handler.call_handle(store, &lower(delivery))?))
}

fn lower(delivery: &Delivery) -> types::Event {
    let event = &delivery.event;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    types::Event {
        id: event.id.to_string(),
        source: event.source.as_str().to_owned(),
        provider_id: event.provider_id.clone(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        account: event.account.clone(),
        created_ms: event.created.map(WallTime::as_millis),
        received_ms: event.received.as_millis(),
        attempt: delivery.attempts + 1,
        replay: delivery.is_replay(),
        headers: event.headers.iter().map(owned).collect(),
        metadata: event.metadata.clone(),
        payload: event.payload.to_vec(),
        run: delivery.run,
    }
}

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

impl state::Host for Call {
    fn add(&mut self, key: String, delta: i64) -> wasmtime::Result<Result<(), String>> {
        let call = self.begin("state.add", || serde_json::Value::Null)?;
        let added = self.state.add(key, delta);
        self.end(call, || serde_json::Value::Null);
        Ok(added.map_err(|error| format!("{error:?}")))
    }
}
