//! Shadow replay: what another component would make of recorded events, without any of its
//! effects.
//!
//! Both the candidate and, where it is kept, the component that was recorded run on copies
//! of the handler's present state, each on one of its own that begins the same. Past state
//! is not recorded: so a candidate is compared with the other component's run on the same
//! state where that is possible, and otherwise with the record, without the state.

mod difference;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::generation::components::Components;
use crate::settings::Handler;
use difference::Did;
pub(crate) use difference::Difference;
use tollgate_base::event::ComponentDigest;
use tollgate_ledger::{Delivery, LedgerError, RecordedRun, StateStore};
use tollgate_sandbox::{
    Component, End, LoadError, Run, Sandbox, SandboxError, SandboxOptions, Snapshot, StateCopy,
    StateSource,
};

/// Why there is no shadow replay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShadowError {
    /// There is no sandbox to run in.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The candidate is no component that runs here.
    #[error("the candidate: {0}")]
    Candidate(#[from] LoadError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A candidate with the state that it runs on.
pub(crate) struct Shadow {
    sandbox: Sandbox,
    handler: Arc<Handler>,
    candidate: Arc<Component>,
    components: Components,
    /// Recorded components; none for those that are not kept.
    recorded: HashMap<ComponentDigest, Option<Arc<Component>>>,
    state: Arc<StateCopy>,
    /// What recorded components make of the state.
    reference: Arc<StateCopy>,
}

/// One delivery, compared.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    /// The delivery's place.
    pub(crate) delivery: i64,
    /// Its event's id.
    pub(crate) event: String,
    /// Its event's type.
    pub(crate) kind: String,
    /// Whether the recorded component ran beside the candidate; if not, it was compared
    /// with the record, and the state was not.
    pub(crate) rerun: bool,
    /// Where the candidate differs.
    pub(crate) differences: Vec<Difference>,
    /// Where the recorded component's run on the present state differs from its record:
    /// that lies with the state, not with the candidate.
    pub(crate) since: Vec<Difference>,
}

impl Shadow {
    /// Makes a candidate ready to run as this handler.
    pub(crate) fn new(
        candidate: &[u8],
        handler: Arc<Handler>,
        store: Arc<dyn StateStore>,
        components: Components,
    ) -> Result<Self, ShadowError> {
        let sandbox = Sandbox::new(&SandboxOptions {
            cache: None,
            instances: 1,
        })?;
        let candidate = sandbox.load(candidate)?;
        let snapshot = Arc::new(Snapshot::new(store, handler.name.clone()));
        Ok(Self {
            sandbox,
            candidate,
            components,
            recorded: HashMap::new(),
            state: Arc::new(StateCopy::of(snapshot.clone())),
            reference: Arc::new(StateCopy::of(snapshot)),
            handler,
        })
    }

    /// Runs one delivery and compares. In the order of arrival, since each run sees what
    /// those before it wrote. On a thread with [`tollgate_sandbox::THREAD_STACK`].
    pub(crate) fn compare(&mut self, recorded: &RecordedRun) -> Result<Compared, ShadowError> {
        let delivery = &recorded.delivery;
        let record = Did::recorded(&recorded.did);
        let reference = match recorded.did.component.and_then(|of| self.recorded(of)) {
            Some(component) => Some(self.run(&component, delivery, &self.reference)?),
            None => None,
        };
        let candidate = self.run(&self.candidate, delivery, &self.state)?;
        let since = reference.as_ref().map(|rerun| record.differences(rerun));
        Ok(Compared {
            delivery: delivery.seq.0,
            event: delivery.event.id.to_string(),
            kind: delivery.event.kind.clone(),
            rerun: reference.is_some(),
            differences: reference
                .as_ref()
                .unwrap_or(&record)
                .differences(&candidate),
            since: since.unwrap_or_default(),
        })
    }

    /// A recorded component, if it is kept and runs here.
    fn recorded(&mut self, digest: ComponentDigest) -> Option<Arc<Component>> {
        if digest == self.candidate.digest() {
            return Some(self.candidate.clone());
        }
        let (sandbox, components) = (&self.sandbox, &self.components);
        let load = || {
            let bytes = components.read(digest).ok()?;
            sandbox.load(&bytes).ok()
        };
        self.recorded.entry(digest).or_insert_with(load).clone()
    }

    fn run(
        &self,
        component: &Component,
        delivery: &Delivery,
        state: &Arc<StateCopy>,
    ) -> Result<Did, ShadowError> {
        let source = StateSource::Copy(state.clone());
        let run: Run = self
            .sandbox
            .run(component, &self.handler.guest, delivery, source);
        if let End::Ledger(error) = run.end {
            return Err(error.into());
        }
        let written = state.apply(&run.effects.state)?;
        Ok(Did::of(run, written))
    }
}
