//! Calls of the API run on threads that may block, a bounded number of them at once.

use std::sync::Arc;

use axum::Json;
use tokio::sync::Semaphore;
use tracing::error;

use super::answers::{Answer, ApiError};
use crate::run::Core;

/// The most calls that run at once; further calls wait. Each call holds a thread and reads the
/// ledger.
const CALLS: usize = 8;

/// Runs the calls of the API: the state of its routes.
#[derive(Clone)]
pub(crate) struct Calls {
    core: Arc<Core>,
    places: Arc<Semaphore>,
}

impl Calls {
    /// The calls to this gateway.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            places: Arc::new(Semaphore::new(CALLS)),
        }
    }

    /// The gateway, for what does not block.
    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// The result of a call, which may block.
    ///
    /// # Errors
    /// That of the call, or the call panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _place = self.places.acquire().await;
        let core = self.core.clone();
        match tokio::task::spawn_blocking(move || call(&core)).await {
            Ok(result) => result,
            Err(error) => {
                error!(%error, "a call of the admin API failed");
                Err(ApiError::internal("the call failed; see the log"))
            }
        }
    }

    /// The result of a call, as JSON.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Answer<T> {
        self.run(call).await.map(Json)
    }
}
