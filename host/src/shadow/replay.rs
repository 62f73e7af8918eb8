//! A candidate component that runs recorded deliveries on a copy of the state.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tollgate_base::event::ComponentDigest;
use tollgate_ledger::{LedgerError, RecordedRun, StateStore};
use tollgate_sandbox::{
    Answers, CompileIn, Component, End, LoadError, Run, Sandbox, SandboxError, SandboxOptions,
    Snapshot, StateCopy, StateSource, Surroundings,
};

use super::difference::Difference;
use super::outcome::RunOutcome;
use crate::generation::ComponentStore;
use crate::settings::Handler;

/// The reason why a shadow replay fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShadowError {
    /// The sandbox cannot start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The candidate is not a component that this gateway can run.
    #[error("the candidate cannot be loaded")]
    Candidate(#[from] LoadError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A candidate component, with the state for its runs.
pub(crate) struct Shadow {
    sandbox: Sandbox,
    handler: Arc<Handler>,
    candidate: Arc<Component>,
    components: ComponentStore,
    /// The recorded components. `None` for a component that is not kept.
    recorded: HashMap<ComponentDigest, Option<Arc<Component>>>,
    /// The copy of the state that the candidate changes.
    candidate_state: Arc<StateCopy>,
    /// The copy of the state that the recorded components change.
    recorded_state: Arc<StateCopy>,
}

/// The comparison of one delivery.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// The delivery's number.
    pub(crate) delivery: i64,
    /// The id of the event.
    pub(crate) event: String,
    /// The type of the event.
    pub(crate) kind: String,
    /// Whether the recorded component ran again, beside the candidate. If not, the candidate was
    /// compared with the record, without the state.
    pub(crate) rerun: bool,
    /// The differences of the candidate.
    pub(crate) differences: Vec<Difference>,
    /// The differences between the record and the new run of the recorded component. The reason for
    /// these differences is the state and not the candidate.
    pub(crate) since: Vec<Difference>,
}

impl Shadow {
    /// Loads a candidate for this handler.
    pub(crate) fn new(
        candidate: &[u8],
        handler: Arc<Handler>,
        store: Arc<dyn StateStore>,
        components: ComponentStore,
        compile_in: CompileIn,
        cache: Option<PathBuf>,
    ) -> Result<Self, ShadowError> {
        let sandbox = Sandbox::new(&SandboxOptions {
            cache,
            second_cache: None,
            instances: 1,
            compile_in,
        })?;
        let candidate = sandbox.load(candidate)?;
        let snapshot = Arc::new(Snapshot::new(store, handler.name.clone()));
        Ok(Self {
            sandbox,
            candidate,
            components,
            recorded: HashMap::new(),
            candidate_state: Arc::new(StateCopy::of(snapshot.clone())),
            recorded_state: Arc::new(StateCopy::of(snapshot)),
            handler,
        })
    }

    /// Runs one delivery and compares its outcome with the recorded outcome.
    ///
    /// Call this in the order of arrival, because each run sees the writes of the previous runs.
    /// Call it on a thread with [`tollgate_sandbox::THREAD_STACK`].
    pub(crate) fn compare(&mut self, recorded: &RecordedRun) -> Result<Comparison, ShadowError> {
        let delivery = &recorded.delivery;
        let record = RunOutcome::recorded(&recorded.did);
        let rerun = match recorded.did.component.and_then(|of| self.recorded(of)) {
            Some(component) => Some(self.run(&component, recorded, &self.recorded_state)?),
            None => None,
        };
        let candidate = self.run(&self.candidate, recorded, &self.candidate_state)?;
        let since = rerun.as_ref().map(|rerun| record.differences(rerun));
        Ok(Comparison {
            delivery: delivery.id.0,
            event: delivery.event.id.to_string(),
            kind: delivery.event.kind.clone(),
            rerun: rerun.is_some(),
            differences: rerun.as_ref().unwrap_or(&record).differences(&candidate),
            since: since.unwrap_or_default(),
        })
    }

    /// A recorded component, if the component is kept and can be loaded.
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
        recorded: &RecordedRun,
        state: &Arc<StateCopy>,
    ) -> Result<RunOutcome, ShadowError> {
        let surroundings = Surroundings {
            state: StateSource::Copy(state.clone()),
            answers: Answers::only(&recorded.did.exchanges),
        };
        let guest = &self.handler.guest;
        let run: Run = self
            .sandbox
            .run(component, guest, &recorded.delivery, surroundings);
        if let End::Ledger(error) = run.end {
            return Err(error.into());
        }
        let written = state.apply(&run.effects.state)?;
        Ok(RunOutcome::of(run, written))
    }
}
