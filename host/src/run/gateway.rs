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
use crate::run::core::Core;
use crate::run::schedule::Timer;
use crate::server::{self, Admin, Ingress, Layers, Limits};
use tollgate_base::thread::OwnedThread;
use tollgate_ledger::Ledger;

/// How long the outbox may take to finish the requests under way, after all other parts have ended.
const OUTBOX_GRACE: Duration = Duration::from_secs(5);

/// A gateway that has started. It accepts connections once it [runs](Gateway::run).
pub struct Gateway {
    pub(super) core: Arc<Core>,
    pub(super) workers: Workers,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) ingress: TcpListener,
    pub(super) admin: TcpListener,
}

/// The threads and tasks of a gateway, without its listeners.
pub(super) struct Workers {
    pub(super) pool: Pool,
    pub(super) timer: Timer,
    pub(super) outbox: Outbox,
    pub(super) reloader: Reloader,
    pub(super) housekeeper: OwnedThread,
    pub(super) backlog: OwnedThread,
    pub(super) certificates: OwnedThread,
}

impl Gateway {
    /// The address that providers post events to.
    pub fn ingress_address(&self) -> io::Result<SocketAddr> {
        self.ingress.local_addr()
    }

    /// Whether providers post over TLS now. A reload may change that.
    pub fn has_tls(&self) -> bool {
        self.core.tls.layer().is_some()
    }

    /// The address of the admin service.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
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
            ingress,
            admin,
        } = self;
        let settings = core.current.load().manifest.server.clone();
        let (end, ended) = watch::channel(false);
        let until = |mut ended: watch::Receiver<bool>| async move {
            // If the sender is gone, the gateway has ended.
            let _ = ended.wait_for(|ended| *ended).await;
        };
        // A listener without a known address counts as one that everybody can reach.
        let admin_address = admin
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let service = Arc::new(Ingress::new(
            core.clone(),
            core.clock.clone(),
            core.rejections.clone(),
            settings.per_address,
            settings.strict,
        ));
        let ingress = tokio::spawn(server::serve(
            ingress,
            service,
            Limits::of_ingress(&settings),
            core.ingress_layers(),
            until(ended.clone()),
        ));
        let service = Arc::new(Admin::new(core.clone(), admin_address));
        let limits = Limits::of_admin(&settings);
        let layers = Layers::none();
        let admin = tokio::spawn(server::serve(admin, service, limits, layers, until(ended)));
        shutdown.await;
        tracing::info!("shutting down");
        let Workers {
            pool,
            timer,
            outbox,
            reloader,
            housekeeper,
            backlog,
            certificates,
        } = workers;
        drop((reloader, backlog, certificates, timer, housekeeper));
        end.send_replace(true);
        for server in [ingress, admin] {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener failed");
            }
        }
        let stopped = tokio::task::spawn_blocking(move || pool.stop(settings.shutdown_timeout));
        if !stopped.await.unwrap_or(false) {
            tracing::warn!(
                "runs of handlers were still under way at the deadline; they will run again"
            );
        }
        outbox.stop(OUTBOX_GRACE).await;
        ledger.close();
    }
}
