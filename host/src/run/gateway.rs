//! A started gateway: serves until it is told to end, then ends its parts in order.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::dispatch::Pool;
use crate::generation::{ReloadHandle, Reloader};
use crate::outbox::Outbox;
use crate::resolve::Resolver;
use crate::run::core::Core;
use crate::run::listeners::Listeners;
use crate::run::schedule::Timer;
use tollgate_base::thread::OwnedThread;
use tollgate_ledger::Ledger;

/// How long the outbox may take to finish the requests under way, after all other parts have ended.
const OUTBOX_GRACE: Duration = Duration::from_secs(5);

/// A gateway that has started. It accepts connections once it [runs](Gateway::run).
pub struct Gateway {
    pub(super) core: Arc<Core>,
    pub(super) workers: Workers,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) listeners: Listeners,
}

/// The threads and tasks of a gateway, without its listeners.
pub(super) struct Workers {
    pub(super) pool: Pool,
    pub(super) timer: Timer,
    pub(super) outbox: Outbox,
    pub(super) resolver: Resolver,
    pub(super) reloader: Reloader,
    pub(super) housekeeper: OwnedThread,
    pub(super) backlog: OwnedThread,
    pub(super) alerts: OwnedThread,
    pub(super) rejections: OwnedThread,
    pub(super) certificates: OwnedThread,
    pub(super) acme: OwnedThread,
}

impl Gateway {
    /// The address that providers post events to.
    pub fn ingress_address(&self) -> io::Result<SocketAddr> {
        self.listeners.ingress.local_addr()
    }

    /// Whether providers post over TLS now. A reload may change that.
    pub fn has_tls(&self) -> bool {
        self.core.tls.layer().is_some()
    }

    /// The address of the admin service.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.listeners.admin.local_addr()
    }

    /// The address of the listener that sends plain HTTP to HTTPS, if there is one.
    pub fn redirect_address(&self) -> Option<io::Result<SocketAddr>> {
        self.listeners
            .redirect
            .as_ref()
            .map(TcpListener::local_addr)
    }

    /// A function that asks for a reload.
    pub fn reload_handle(&self) -> impl Fn() + Send + Sync + 'static {
        let handle: ReloadHandle = self.workers.reloader.handle();
        move || handle.reload()
    }

    /// Serves until `shutdown` resolves. Then ends in order: accepts no more connections, answers
    /// the requests under way, lets runs of handlers end, and closes the ledger.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            core,
            workers,
            ledger,
            listeners,
        } = self;
        let settings = core.current.load().manifest.server.clone();
        let (end, ended) = watch::channel(false);
        let servers = listeners.serve(&core, &settings, &ended);
        shutdown.await;
        tracing::info!("shutting down");
        let Workers {
            pool,
            timer,
            outbox,
            resolver,
            reloader,
            housekeeper,
            backlog,
            alerts,
            rejections,
            certificates,
            acme,
        } = workers;
        drop((
            reloader,
            backlog,
            alerts,
            certificates,
            acme,
            timer,
            housekeeper,
        ));
        end.send_replace(true);
        for server in servers {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener failed");
            }
        }
        let stopped = tokio::task::spawn_blocking(move || pool.stop(settings.shutdown_timeout));
        // The last refused requests came before the listeners ended.
        drop(rejections);
        if !stopped.await.unwrap_or(false) {
            tracing::warn!(
                "runs of handlers were still under way at the deadline; they will run again"
            );
        }
        resolver.stop(OUTBOX_GRACE).await;
        outbox.stop(OUTBOX_GRACE).await;
        ledger.close();
    }
}
