//! A recorded delivery, to run a handler on: nothing in the ledger changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value as Json, json};
use tollgate_ledger::{Delivery, DeliveryId, Exchange, Read, ReadLedger, find_event};
use tollgate_sandbox::{Answers, Run, Snapshot, StateCopy, StateSource, Surroundings};

use crate::cli::exit;
use crate::cli::gateway::open_ledger;
use crate::generation::fixtures::{FixtureExchange, described, value_of};
use crate::settings::{Handler, Manifest};

/// A recorded delivery, and the ledger with the handler's state.
pub(super) struct Recorded {
    ledger: Arc<dyn ReadLedger>,
    pub(super) delivery: Delivery,
    exchanges: Vec<Exchange>,
}

impl Recorded {
    /// The delivery of this number, or the delivery of the event of this id to the handler.
    pub(super) fn find(manifest: &Manifest, handler: &Handler, id: &str) -> anyhow::Result<Self> {
        let ledger = open_ledger(manifest.ledger.path.clone())?;
        let seq = match id.parse::<i64>() {
            Ok(seq) => seq,
            Err(_) => delivery_of(&*ledger, handler, id)?,
        };
        let recorded = ledger.recorded(DeliveryId(seq))?;
        let recorded = exit::found(recorded, || {
            format!("there is no delivery {seq}, or its payload is no longer kept")
        })?;
        let of = &recorded.delivery.handler;
        if *of != handler.name {
            bail!(
                "delivery {seq} is one of handler `{of}`, not of `{}`",
                handler.name
            );
        }
        Ok(Self {
            ledger,
            delivery: recorded.delivery,
            exchanges: recorded.did.exchanges,
        })
    }

    /// The handler's state as it is now, for a run that must not change it, and the recorded
    /// answers to its immediate requests.
    pub(super) fn surroundings(&self) -> Surroundings {
        let name = self.delivery.handler.clone();
        let snapshot = Snapshot::new(self.ledger.clone(), name);
        Surroundings {
            state: StateSource::Copy(Arc::new(StateCopy::of(Arc::new(snapshot)))),
            answers: Answers::only(&self.exchanges),
        }
    }

    /// A fixture of the delivery, which expects what a run did. Its state has the keys that the run
    /// read.
    pub(super) fn fixture(&self, run: &Run) -> anyhow::Result<Json> {
        let event = &self.delivery.event;
        let mut state = BTreeMap::new();
        for read in &run.reads {
            let keys = match read {
                Read::Key { key, .. } => vec![key.clone()],
                Read::List { seen, .. } => seen.iter().map(|(key, _)| key.clone()).collect(),
            };
            for key in keys {
                let value = self.ledger.state_get(&self.delivery.handler, &key)?.value;
                if let Some(value) = value {
                    state.insert(key, value_of(&value));
                }
            }
        }
        let fixture = json!({
            "event": {
                "kind": event.kind,
                "source": event.source.as_str(),
                "provider_id": event.provider_id,
                "subject": event.subject,
                "account": event.account,
                "created_ms": event.created,
                "received_ms": event.received,
                "payload": value_of(&event.payload),
            },
            "http": run.exchanges.iter().filter_map(FixtureExchange::of).collect::<Vec<_>>(),
            "state": state,
            "expect": described(run),
        });
        Ok(without_nulls(fixture))
    }
}

/// Members that are null are left out, and an empty list of answers.
fn without_nulls(mut fixture: Json) -> Json {
    if let Some(event) = fixture["event"].as_object_mut() {
        event.retain(|name, value| name == "payload" || !value.is_null());
    }
    if fixture["http"] == json!([]) {
        fixture
            .as_object_mut()
            .map(|members| members.remove("http"));
    }
    fixture
}

fn delivery_of(ledger: &dyn ReadLedger, handler: &Handler, id: &str) -> anyhow::Result<i64> {
    let event = find_event(ledger, id)?;
    let found = ledger.event(event)?;
    let found = exit::found(found, || format!("there is no event {id}"))?;
    let deliveries = &found.event.deliveries;
    let own = deliveries
        .iter()
        .find(|brief| brief.handler == handler.name.as_str());
    let others: Vec<_> = deliveries
        .iter()
        .map(|brief| brief.handler.as_str())
        .collect();
    let own = own.with_context(|| {
        format!(
            "event {id} has no delivery to `{}`, only to {others:?}",
            handler.name
        )
    })?;
    Ok(own.seq)
}
