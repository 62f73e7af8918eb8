//! Starts the parts of a gateway in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::dispatch::{Dispatcher, PoolOptions};
use crate::egress::{system_roots, system_tls};
use crate::generation::{
    Builder, ComponentStore, Current, Env, LastGood, LoadError, Loader, ManifestSource, Reloader,
    ReloaderParts, Signature, signature_of,
};
use crate::immediate::ImmediateClients;
use crate::keys::{HttpsKeys, KeyCache, SecretUses};
use crate::metrics::Process;
use crate::outbox::{self, Outbox};
use crate::resolve::{self, Resolver};
use crate::run::admin_calls::AdminCalls;
use crate::run::alerts;
use crate::run::backlog::{self, BacklogGauge};
use crate::run::certificates;
use crate::run::core::Core;
use crate::run::data_folder::{DataFolder, data_folder};
use crate::run::disk_watch::DiskWatch;
use crate::run::first_generation::{FirstGeneration, first_generation};
use crate::run::gateway::{Gateway, Workers};
use crate::run::housekeeping;
use crate::run::listeners::{ListenError, Listeners};
use crate::run::log_watch::LogWatch;
use crate::run::notices::Notices;
use crate::run::rejections;
use crate::run::source_gauges::SourceGauges;
use crate::run::work_router::WorkRouter;
use crate::tls::{Front, start_renewal};
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::{Clock, SteadyClock};
use tollgate_ledger::{Ledger, LedgerError, LedgerUrl, OpenError};
use tollgate_sandbox::{CompileIn, Sandbox, SandboxError, SandboxOptions, THREAD_STACK};
use tollgate_scheme::CertificateTrust;

/// Instances beside those of runs, to try a new generation out.
const SPARE_INSTANCES: u32 = 4;

/// The options of a gateway.
pub struct Options {
    /// The file of the manifest.
    pub manifest: PathBuf,
    /// The clock of all parts.
    pub clock: Arc<dyn Clock>,
    /// Looks up the environment variables that the manifest names.
    pub env: Env,
    /// Where components are compiled.
    pub compile_in: CompileIn,
    /// The folder in which the commands of this user keep compiled code, if there is one: what
    /// `check` or `plugin build` have compiled is not compiled again.
    pub code_cache: Option<PathBuf>,
    /// The folder of the ledger, if the gateway is for this machine alone: see
    /// [`Manifest::keep_local`](crate::settings::Manifest::keep_local).
    pub local: Option<PathBuf>,
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
    /// The folder of the ledger has files of earlier runs, but the ledger is not there.
    #[error(
        "{} is gone, although a gateway has used its folder; put it back, restore a backup with \
         `tollgate ledger restore`, or remove {} to begin with an empty ledger",
        ledger.display(),
        left.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
    )]
    LedgerGone {
        /// The file of the ledger.
        ledger: PathBuf,
        /// What is there of earlier runs.
        left: Vec<PathBuf>,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LedgerError),
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The gateway cannot listen on an address.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
}

impl From<ListenError> for StartError {
    fn from(ListenError { address, error }: ListenError) -> Self {
        Self::Listen { address, error }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Thread(error)
    }
}

impl Gateway {
    /// Opens the ledger, builds the generation, binds the listeners and starts all threads.
    ///
    /// # Errors
    /// Says which part could not start. Then no part runs.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let clock = options.clock.clone();
        let Prepared {
            steady,
            work,
            ledger,
            loader,
            first,
        } = prepare_on_thread(options).await?;
        let FirstGeneration {
            generation,
            trouble,
            may_pass,
            signature,
        } = first;
        let current = Arc::new(Current::new(Arc::new(generation), trouble));
        let core = Arc::new(core(current, &ledger, &loader, &work, clock));
        core.prune_components(&[&core.current.load()]);
        core.tls.serve(core.current.load().manifest.tls.clone());
        let server = core.current.load().manifest.server.clone();
        let listeners = Listeners::bind(&server).await?;
        *core.restore.lock() = ledger.restored()?;
        work.dispatcher.set_hold(core.is_on_hold());
        for (handler, pause) in ledger.pauses()? {
            work.dispatcher.set_pause(&handler, Some(pause));
        }
        core.current.load().dispatch_with(&work.dispatcher);
        let workers = start_workers(&core, work, steady, (loader, signature, may_pass))?;
        Ok(Self {
            core,
            workers,
            ledger,
            listeners,
        })
    }
}

/// The parts that are made before the gateway listens.
struct Prepared {
    steady: Arc<SteadyClock>,
    work: WorkRouter,
    ledger: Arc<dyn Ledger>,
    loader: Loader,
    first: FirstGeneration,
}

/// Calls [`prepare`] on a thread of its own. To open a ledger and to build a generation takes
/// time, and the guests of fixtures block their thread: no thread of a runtime may be blocked, so
/// that signals are answered meanwhile. The thread has the stack that guests need, as the thread
/// that reloads has.
async fn prepare_on_thread(options: Options) -> Result<Prepared, StartError> {
    let (done, prepared) = oneshot::channel();
    let requests = ImmediateClients::new(system_tls(), Handle::current());
    std::thread::Builder::new()
        .name("start".into())
        .stack_size(THREAD_STACK)
        .spawn(move || {
            // The caller may have gone because the process is to end.
            let _ = done.send(prepare(options, requests));
        })?;
    // The thread answers unless it panics, and then it has written why.
    let panicked = |_| io::Error::other("the thread that starts the gateway panicked");
    prepared.await.map_err(panicked)?
}

/// Opens the ledger and builds the first generation.
fn prepare(options: Options, requests: ImmediateClients) -> Result<Prepared, StartError> {
    let Options {
        manifest: path,
        clock,
        env,
        compile_in,
        code_cache,
        local,
    } = options;
    let seen = signature_of([path.clone()]);
    let source = ManifestSource { path, env, local };
    let read = source.read();
    let data = match data_folder(&source, read.as_ref().ok().map(|read| &read.manifest)) {
        Ok(data) => data,
        // All mistakes of the manifest say more than those about its ledger.
        Err(unknown) => return Err(read.err().unwrap_or(unknown).into()),
    };
    let read = match read {
        Err(error) if !data.has_last_good() => return Err(error.into()),
        read => read,
    };
    let left = data.left_without_ledger();
    if !left.is_empty() {
        let ledger = data.database;
        return Err(StartError::LedgerGone { ledger, left });
    }
    let steady = Arc::new(SteadyClock::new(clock.clone()));
    let work = WorkRouter {
        dispatcher: Dispatcher::new(steady.clone(), PoolOptions::default()),
        inbox: Arc::default(),
        alarm: Arc::default(),
        resolving: Arc::default(),
    };
    let url = LedgerUrl::Sqlite(data.database.clone());
    let ledger = tollgate_ledger::open(&url, steady.clone(), Arc::new(work.clone()))?;
    let pool = PoolOptions::default();
    let sandbox = Sandbox::new(&SandboxOptions {
        cache: Some(data.folder.join("cache")),
        second_cache: code_cache,
        instances: (pool.threads + pool.waiting) as u32 + SPARE_INSTANCES,
        compile_in,
    })?;
    let loader = loader(source, &data, &ledger, sandbox, requests);
    let first = first_generation(&loader, read, seen, clock.now())?;
    Ok(Prepared {
        steady,
        work,
        ledger,
        loader,
        first,
    })
}

/// The loader of generations.
fn loader(
    source: ManifestSource,
    data: &DataFolder,
    ledger: &Arc<dyn Ledger>,
    sandbox: Sandbox,
    requests: ImmediateClients,
) -> Loader {
    Loader {
        source,
        builder: Builder {
            sandbox: Arc::new(sandbox),
            state: ledger.clone(),
            components: Arc::new(ComponentStore::in_folder(&data.folder)),
            requests: Arc::new(requests),
        },
        last_good: LastGood::in_folder(&data.folder),
    }
}

fn core(
    current: Arc<Current>,
    ledger: &Arc<dyn Ledger>,
    loader: &Loader,
    work: &WorkRouter,
    clock: Arc<dyn Clock>,
) -> Core {
    Core {
        current,
        ledger: ledger.clone(),
        records: ledger.clone(),
        components: loader.builder.components.clone(),
        dispatcher: work.dispatcher.clone(),
        rejections: Arc::default(),
        taps: Arc::default(),
        notices: Notices::default(),
        sources: SourceGauges::default(),
        admin_calls: AdminCalls::default(),
        process: Process::new(clock.now()),
        secret_uses: SecretUses::default(),
        keys: KeyCache::new(
            Arc::new(HttpsKeys::new(system_tls())),
            CertificateTrust::new(system_roots()),
            clock.clone(),
        ),
        tls: Arc::new(Front::new(loader.data())),
        clock,
        backlog: BacklogGauge::default(),
        log: LogWatch::default(),
        disk: DiskWatch::new(loader.builder.components.data_folder()),
        totals: Mutex::default(),
        alerts: Mutex::default(),
        restore: Mutex::default(),
        pausing: Mutex::default(),
        reloads: OnceLock::new(),
        outbox: OnceLock::new(),
        resolver: OnceLock::new(),
    }
}

fn start_workers(
    core: &Arc<Core>,
    work: WorkRouter,
    clock: Arc<SteadyClock>,
    (loader, signature, may_pass): (Loader, Signature, bool),
) -> Result<Workers, StartError> {
    let ledger = &core.ledger;
    let pool = work.dispatcher.start(ledger.clone())?;
    let timer = work
        .alarm
        .start(ledger.clone(), clock.clone(), core.recipient_of())?;
    let outbox = Outbox::start(outbox::Parts {
        ledger: ledger.clone(),
        inbox: work.inbox,
        targets: core.clone(),
        clock: clock.clone(),
        tls: system_tls(),
    });
    let resolver = Resolver::start(resolve::Parts {
        ledger: ledger.clone(),
        news: work.resolving,
        sources: core.clone(),
        clock: clock.clone(),
        tls: system_tls(),
    });
    // A gateway has one of each, so the handles are set once.
    let _ = core.outbox.set(outbox.handle());
    let _ = core.resolver.set(resolver.handle());
    let reloader = start_reloader(core, loader, (signature, may_pass))?;
    let _ = core.reloads.set(reloader.handle());
    Ok(Workers {
        pool,
        timer,
        reloader,
        outbox,
        resolver,
        housekeeper: start_housekeeper(core.clone())?,
        backlog: watch_backlog(core.clone())?,
        alerts: alerts::watch(core.clone(), clock)?,
        rejections: keep_rejections(core.clone())?,
        certificates: certificates::watch(core.clone())?,
        acme: start_renewal(core.tls.clone(), core.clock.clone())?,
    })
}

fn start_reloader(
    core: &Arc<Core>,
    loader: Loader,
    (attempted, may_pass): (Signature, bool),
) -> io::Result<Reloader> {
    let swapped = core.clone();
    Reloader::start(ReloaderParts {
        loader,
        current: core.current.clone(),
        dispatcher: core.dispatcher.clone(),
        deliveries: core.ledger.clone(),
        clock: core.clock.clone(),
        attempted,
        may_pass,
        on_swap: Box::new(move |old, new| {
            swapped.tls.serve(new.manifest.tls.clone());
            let sources = &new.manifest.sources;
            swapped.sources.keep(|name| sources.contains_key(name));
            // Runs under way end on the old generation, and their attempts name its components.
            swapped.prune_components(&[old, new]);
            swapped.outbox.get().iter().for_each(|outbox| outbox.wake());
            swapped
                .resolver
                .get()
                .iter()
                .for_each(|resolver| resolver.wake());
        }),
    })
}

fn start_housekeeper(core: Arc<Core>) -> io::Result<OwnedThread> {
    let pruning = core.clone();
    housekeeping::start(
        core.ledger.clone(),
        move || core.current.load().manifest.retention.clone(),
        move || pruning.prune_unnamed_components(),
    )
}

/// Starts the thread that writes refused requests into the ledger.
fn keep_rejections(core: Arc<Core>) -> io::Result<OwnedThread> {
    let (store, kept) = (core.ledger.clone(), core.rejections.clone());
    rejections::keep(store, kept, move || core.current.load().manifest.rejections)
}

/// Starts the thread that reads the backlog, the totals, the length of the ledger's log and the
/// space on the disk.
fn watch_backlog(core: Arc<Core>) -> io::Result<OwnedThread> {
    backlog::watch(move || {
        let now = core.clock.now();
        core.disk.look();
        let free = core.disk.space().map(|space| space.free);
        core.log.set(core.ledger.log_size(), free, now);
        match core.ledger.totals(now) {
            Ok(totals) => *core.totals.lock() = Some(totals),
            Err(error) => tracing::debug!(%error, "the totals could not be read"),
        }
        match core.ledger.backlog(now) {
            Ok(backlog) => {
                let limits = core.current.load().manifest.backlog;
                core.backlog.set(backlog, &limits, now);
            }
            // The last reading stays. Other parts report the failure of the ledger.
            Err(error) => tracing::debug!(%error, "the backlog could not be read"),
        }
    })
}
