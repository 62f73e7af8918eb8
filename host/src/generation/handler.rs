//! A handler of a generation: its settings with its component.

use std::io;
use std::sync::Arc;

use crate::dispatch::Runnable;
use crate::generation::component_status::ComponentStatus;
use crate::generation::component_store::ComponentStore;
use crate::immediate::HandlerSender;
use crate::settings::Handler;
use crate::telemetry::traces::{TraceContext, TracedState};
use tollgate_base::event::ComponentDigest;
use tollgate_ledger::{Delivery, Exchange, StateStore};
use tollgate_sandbox::{
    Answers, Component, LoadError, Run, Sandbox, Started, StateSource, Surroundings,
};

/// A handler with its component.
pub struct LoadedHandler {
    pub(super) settings: Arc<Handler>,
    pub(super) status: ComponentStatus,
    pub(super) component: Arc<Component>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) state: Arc<dyn StateStore>,
    pub(super) components: Arc<ComponentStore>,
    pub(super) sender: HandlerSender,
}

/// Why the component that a delivery names cannot run.
#[derive(Debug, thiserror::Error)]
enum UnavailableComponent {
    #[error("component {digest}: {error}")]
    Read {
        digest: ComponentDigest,
        error: io::Error,
    },
    #[error("component {digest}: {error}")]
    Load {
        digest: ComponentDigest,
        error: LoadError,
    },
}

impl LoadedHandler {
    /// The status of the component.
    pub fn status(&self) -> &ComponentStatus {
        &self.status
    }

    /// The component for a delivery: the handler's own, unless the delivery names another.
    fn component(&self, delivery: &Delivery) -> Result<Arc<Component>, UnavailableComponent> {
        match delivery.component {
            Some(digest) if digest != self.component.digest() => {
                let bytes = self.components.read(digest);
                let bytes = bytes.map_err(|error| UnavailableComponent::Read { digest, error })?;
                let loaded = self.sandbox.load(&bytes);
                loaded.map_err(|error| UnavailableComponent::Load { digest, error })
            }
            _ => Ok(self.component.clone()),
        }
    }
}

impl Runnable for LoadedHandler {
    fn handler(&self) -> &Arc<Handler> {
        &self.settings
    }

    fn digest(&self) -> ComponentDigest {
        self.component.digest()
    }

    fn on_trial(&self) -> bool {
        matches!(self.status, ComponentStatus::OnTrial { .. })
    }

    fn may_ask(&self) -> bool {
        self.component.may_ask()
    }

    fn run(
        &self,
        delivery: &Delivery,
        recorded: &Arc<[Exchange]>,
        trace: Option<&TraceContext>,
    ) -> Started {
        let state = match trace.filter(|trace| trace.is_sampled()) {
            Some(trace) => Arc::new(TracedState {
                state: self.state.clone(),
                of: trace.clone(),
            }),
            None => self.state.clone(),
        };
        let surroundings = Surroundings {
            state: StateSource::Ledger(state),
            answers: Answers {
                recorded: recorded.clone(),
                sender: Some(Arc::new(self.sender.in_trace(trace))),
            },
        };
        let guest = &self.settings.guest;
        match self.component(delivery) {
            Ok(component) => self
                .sandbox
                .start(&component, guest, delivery, surroundings),
            Err(why) => Started::Ended(Box::new(Run::unstarted(why.to_string()))),
        }
    }
}
