//! Starts the gateway's parts in order, and ends them in order.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::dispatch::{Dispatcher, Pool, PoolOptions};
use crate::egress::{system_roots, system_tls};
use crate::generation::components::Components;
use crate::generation::last_good::LastGood;
use crate::generation::reload::{
    Env, LoadError, Loader, ReadManifest, ReloadHandle, Reloader, Signature, read_manifest,
    signature_of,
};
use crate::generation::{Builder, Generation};
use crate::keys::{HttpsKeys, KeyCache, SecretUses};
use crate::outbox::{self, Inbox, Outbox};
use crate::run::backlog::{Gauge, Watcher};
use crate::run::core::{Core, Sink};
use crate::run::housekeeping::Housekeeper;
use crate::run::schedule::{Alarm, Timer};
use crate::server::{self, Admin, Ingress, Limits};
use crate::settings::Manifest;
use tollgate_base::time::{Clock, SteadyClock, WallTime};
use tollgate_ledger::{Ledger, LedgerError, LedgerUrl, OpenError};
use tollgate_sandbox::{Sandbox, SandboxError, SandboxOptions};
use tollgate_scheme::CertificateTrust;

/// Instances beyond those on guest threads: for trying a new generation out.
const SPARE_INSTANCES: u32 = 4;

/// How long the outbox may take to end what it is sending, after everything else has ended.
const OUTBOX_GRACE: Duration = Duration::from_secs(5);

/// What a gateway is started with.
pub struct Options {
    /// The manifest.
    pub manifest: PathBuf,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Looks up environment variables that the manifest names.
    pub env: Env,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The manifest or a component cannot be used, and there is no last good generation.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LedgerError),
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// A gateway that has started and accepts connections once it [runs](Gateway::run).
pub struct Gateway {
    core: Arc<Core>,
    watcher: Watcher,
    outbox: Outbox,
    pool: Pool,
    timer: Timer,
    reloader: Reloader,
    housekeeper: Housekeeper,
    ledger: Arc<dyn Ledger>,
    ingress: TcpListener,
    admin: TcpListener,
}

impl Gateway {
    /// Opens the ledger, builds the generation, binds the listeners, starts to deliver.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            manifest: path,
            clock,
            env,
        } = options;
        let seen = signature_of([path.clone()]);
        let read = read_manifest(&path, &env);
        let data = data_folder(&path, read.as_ref().ok().map(|read| &read.manifest));
        let steady = Arc::new(SteadyClock::new(clock.clone()));
        let dispatcher = Dispatcher::new(steady.clone(), PoolOptions::default());
        let inbox = Arc::new(Inbox::default());
        let alarm = Arc::new(Alarm::default());
        let sink = Arc::new(Sink {
            dispatcher: dispatcher.clone(),
            inbox: inbox.clone(),
            alarm: alarm.clone(),
        });
        let url = LedgerUrl::Sqlite(data.database.clone());
        let ledger = tollgate_ledger::open(&url, steady.clone(), sink)?;
        let sandbox = Arc::new(Sandbox::new(&SandboxOptions {
            cache: Some(data.folder.join("cache")),
            instances: PoolOptions::default().threads as u32 + SPARE_INSTANCES,
        })?);
        let components = Arc::new(Components::in_folder(&data.folder));
        let loader = Loader {
            path,
            env,
            builder: Builder {
                sandbox,
                state: ledger.clone(),
                components: components.clone(),
            },
            last_good: LastGood::in_folder(&data.folder),
        };
        let First {
            generation,
            trouble,
            signature,
        } = first_generation(&loader, read, seen, clock.now())?;
        let generation = Arc::new(generation);
        let core = Arc::new(Core {
            current: ArcSwap::new(generation.clone()),
            ledger: ledger.clone(),
            records: ledger.clone(),
            components,
            dispatcher: dispatcher.clone(),
            rejections: Arc::default(),
            secret_uses: SecretUses::default(),
            keys: KeyCache::new(
                Arc::new(HttpsKeys::new(system_tls())),
                CertificateTrust::new(system_roots()),
                clock.clone(),
            ),
            trouble: Mutex::new(trouble),
            clock,
            backlog: Gauge::default(),
            pausing: Mutex::default(),
            outbox: OnceLock::new(),
        });
        core.prune_components(&[&generation]);
        let server = &generation.manifest.server;
        let ingress = listen(server.listen).await?;
        let admin = listen(server.admin).await?;
        for (handler, pause) in ledger.pauses()? {
            dispatcher.set_pause(&handler, Some(pause));
        }
        generation.run_by(&dispatcher);
        let pool = dispatcher.start(ledger.clone())?;
        let timer = alarm.start(
            ledger.clone(),
            ledger.clone(),
            steady.clone(),
            core.address(),
        )?;
        let outbox = Outbox::start(outbox::Parts {
            ledger: ledger.clone(),
            inbox,
            targets: core.clone(),
            clock: steady,
            tls: system_tls(),
        });
        // There is one outbox a gateway.
        let _ = core.outbox.set(outbox.handle());
        let wake = outbox.handle();
        let reloader = Reloader::start(core.clone(), loader, signature, move || wake.wake())?;
        let [sweeping, pruning] = [core.clone(), core.clone()];
        let housekeeper = Housekeeper::start(
            core.ledger.clone(),
            move || sweeping.current.load().manifest.retention.clone(),
            move || pruning.prune_unnamed_components(),
        )?;
        let watcher = Watcher::of(core.clone())?;
        Ok(Self {
            core,
            watcher,
            outbox,
            pool,
            timer,
            reloader,
            housekeeper,
            ledger,
            ingress,
            admin,
        })
    }

    /// The address that providers post to.
    pub fn ingress_address(&self) -> io::Result<SocketAddr> {
        self.ingress.local_addr()
    }

    /// The address of the admin service.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Asks for reloads.
    pub fn reload_handle(&self) -> impl Fn() + Send + Sync + 'static {
        let handle: ReloadHandle = self.reloader.handle();
        move || handle.reload()
    }

    /// Serves until `shutdown` resolves, then ends in order: accepts nothing more,
    /// answers what it has accepted, lets runs of handlers end, and closes the ledger.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            core,
            watcher,
            outbox,
            pool,
            timer,
            reloader,
            housekeeper,
            ledger,
            ingress,
            admin,
        } = self;
        let settings = core.current.load().manifest.server.clone();
        let limits = Limits::new(&settings);
        let (end, ended) = watch::channel(false);
        let until = |mut ended: watch::Receiver<bool>| async move {
            // A sender that is gone has ended everything.
            let _ = ended.wait_for(|ended| *ended).await;
        };
        // A listener that cannot say where it listens is treated as one that all can reach.
        let admin_address = admin
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let service = Arc::new(Ingress::new(
            core.clone(),
            core.clock.clone(),
            core.rejections.clone(),
        ));
        let ingress = tokio::spawn(server::serve(
            ingress,
            service,
            limits.clone(),
            until(ended.clone()),
        ));
        let service = Arc::new(Admin::new(core.clone(), admin_address));
        let admin = tokio::spawn(server::serve(admin, service, limits, until(ended)));
        shutdown.await;
        tracing::info!("shutting down");
        drop((reloader, watcher));
        drop(timer);
        drop(housekeeper);
        end.send_replace(true);
        for server in [ingress, admin] {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener ended badly");
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

/// The generation to begin with.
struct First {
    generation: Generation,
    /// Why it is not what the files say, if it is not.
    trouble: Option<String>,
    /// The state of the files that was looked at.
    signature: Signature,
}

/// What the manifest says or, if that cannot be used, the last good generation. `seen` is
/// the state of the manifest's file before it was read.
fn first_generation(
    loader: &Loader,
    read: Result<ReadManifest, LoadError>,
    seen: Signature,
    now: WallTime,
) -> Result<First, LoadError> {
    let error = match read.and_then(|read| loader.build(read, 1, now)) {
        Ok(built) => {
            loader.keep(&built);
            for warning in &built.generation.manifest.warnings {
                tracing::warn!("{warning}");
            }
            return Ok(First {
                signature: built.signature,
                generation: built.generation,
                trouble: None,
            });
        }
        Err(error) => error,
    };
    match loader.build_last_good(now) {
        Ok(Some(generation)) => {
            tracing::error!(%error, "the manifest cannot be used; the last good generation serves");
            Ok(First {
                signature: seen,
                generation,
                trouble: Some(error.to_string()),
            })
        }
        Ok(None) => Err(error),
        Err(kept) => {
            tracing::error!(error = %kept, "the last good generation cannot be used either");
            Err(error)
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen { address, error })
}

struct Data {
    folder: PathBuf,
    database: PathBuf,
}

/// Where the ledger and everything beside it lies. If the manifest cannot be read, its
/// text is searched for the ledger's URL, since the last good generation lies there too.
fn data_folder(path: &Path, manifest: Option<&Manifest>) -> Data {
    let folder = path.parent().unwrap_or(Path::new(""));
    let database = match manifest {
        Some(manifest) => manifest.ledger.path.clone(),
        None => folder.join(ledger_path_in(
            &std::fs::read_to_string(path).unwrap_or_default(),
        )),
    };
    let folder = database.parent().map_or_else(PathBuf::new, Path::to_owned);
    Data { folder, database }
}

/// The ledger's path in a manifest's text that cannot be parsed: what follows the first
/// `"sqlite:`, or the default.
fn ledger_path_in(text: &str) -> &str {
    text.split_once("\"sqlite:")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("data/tollgate.db", |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_found_in_a_broken_manifest() {
        assert_eq!(
            ledger_path_in("version = = 1\n[ledger]\nurl = \"sqlite:x/y.db\"\n"),
            "x/y.db"
        );
        assert_eq!(ledger_path_in("version = = 1"), "data/tollgate.db");
    }
}
