//! The thread that reloads: it notices that the manifest, a component, a secret's file or a fixture
//! has changed, builds a generation, and lets the generation serve if it is sound.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::dispatch::{Dispatcher, TrialNews};
use crate::generation::by_hand::{ByHandError, RollBackRequest};
use crate::generation::component_status::RolledBack;
use crate::generation::error::GenerationError;
use crate::generation::load::{BuiltGeneration, Loader};
use crate::generation::read::LoadError;
use crate::generation::retry::ReloadRetry;
use crate::generation::roll_back::RollBacks;
use crate::generation::signature::Signature;
use crate::generation::swap::{Current, OnSwap, Swapper};
use crate::generation::watch::WatchedFiles;
use crate::settings::Watch;
use tollgate_base::event::HandlerName;
use tollgate_base::time::Clock;
use tollgate_ledger::Deliveries;
use tollgate_sandbox::{Sandbox, THREAD_STACK};

/// How long notices are collected before one look answers them all.
const QUIET: Duration = Duration::from_millis(20);

/// The parts that a reloader works with.
pub(crate) struct ReloaderParts {
    pub(crate) loader: Loader,
    pub(crate) current: Arc<Current>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) deliveries: Arc<dyn Deliveries>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The signature of the files that the last build read, with or without success.
    pub(crate) attempted: Signature,
    /// Whether that build failed for a reason that may pass by itself.
    pub(crate) may_pass: bool,
    pub(crate) on_swap: OnSwap,
}

/// A message to the thread that reloads.
enum Message {
    /// Files may have changed.
    Look,
    /// An operator asks for a reload: build even if no file has changed. Who waits for the end is
    /// told.
    Reload(Option<oneshot::Sender<()>>),
    /// The trial of a component has news.
    Trial(TrialNews),
    /// An operator asks for another component of a handler.
    ByHand(ByHand),
    /// The thread must end.
    Stop,
}

/// Owns the thread that reloads. The thread ends when the owner is dropped.
pub(crate) struct Reloader {
    messages: mpsc::Sender<Message>,
    sandbox: Arc<Sandbox>,
    thread: Option<JoinHandle<()>>,
}

/// Asks for reloads and roll-backs.
#[derive(Clone)]
pub(crate) struct ReloadHandle(mpsc::Sender<Message>);

impl ReloadHandle {
    /// Asks for a reload. Does not wait for it.
    pub(crate) fn reload(&self) {
        // The thread has ended if the gateway ends.
        let _ = self.0.send(Message::Reload(None));
    }

    /// Asks for a reload, and resolves when it has ended, whatever came of it.
    pub(crate) async fn reload_and_wait(&self) {
        let (ended, end) = oneshot::channel();
        let _ = self.0.send(Message::Reload(Some(ended)));
        // The sender is dropped if the gateway ends.
        let _ = end.await;
    }

    /// Rolls a handler back. `None` if the gateway ends meanwhile.
    pub(crate) async fn roll_back(
        &self,
        request: RollBackRequest,
    ) -> Option<Result<RolledBack, ByHandError>> {
        let (answer, answered) = oneshot::channel();
        let _ = self
            .0
            .send(Message::ByHand(ByHand::RollBack(request, answer)));
        answered.await.ok()
    }

    /// Lets the component in a handler's file in again. `None` if the gateway ends meanwhile.
    pub(crate) async fn readmit(&self, handler: HandlerName) -> Option<Result<(), ByHandError>> {
        let (answer, answered) = oneshot::channel();
        let _ = self
            .0
            .send(Message::ByHand(ByHand::Readmit(handler, answer)));
        answered.await.ok()
    }
}

impl Reloader {
    /// Starts the thread.
    pub(crate) fn start(parts: ReloaderParts) -> io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let news = messages.clone();
        parts.dispatcher.on_trials(Box::new(move |trial| {
            // The thread has ended if the gateway ends.
            let _ = news.send(Message::Trial(trial));
        }));
        let notices = messages.clone();
        let sandbox = parts.loader.builder.sandbox.clone();
        let thread = std::thread::Builder::new()
            .name("reload".into())
            .stack_size(THREAD_STACK)
            .spawn(move || Thread::new(parts, notices).run(&inbox))?;
        Ok(Self {
            messages,
            sandbox,
            thread: Some(thread),
        })
    }

    /// A handle that asks for reloads.
    pub(crate) fn handle(&self) -> ReloadHandle {
        ReloadHandle(self.messages.clone())
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        // A component that takes long to compile must not delay the end.
        self.sandbox.end_compiling();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already written its message.
            let _ = thread.join();
        }
    }
}

/// Why the thread woke up.
#[derive(Default)]
struct Wakeup {
    /// An operator asked for a reload, or a failed one is tried again.
    reload: bool,
    /// Those who wait for the end of the reload.
    waiting: Vec<oneshot::Sender<()>>,
    trials: Vec<TrialNews>,
    by_hand: Vec<ByHand>,
}

/// What an operator asks for, and who waits for the answer.
enum ByHand {
    RollBack(
        RollBackRequest,
        oneshot::Sender<Result<RolledBack, ByHandError>>,
    ),
    Readmit(HandlerName, oneshot::Sender<Result<(), ByHandError>>),
}

struct Thread {
    loader: Arc<Loader>,
    current: Arc<Current>,
    swapper: Arc<Swapper>,
    roll_backs: RollBacks,
    files: WatchedFiles,
    clock: Arc<dyn Clock>,
    retry: ReloadRetry,
}

impl Thread {
    fn new(parts: ReloaderParts, notices: mpsc::Sender<Message>) -> Self {
        let ReloaderParts {
            loader,
            current,
            dispatcher,
            deliveries,
            clock,
            attempted,
            may_pass,
            on_swap,
        } = parts;
        let mut retry = ReloadRetry::default();
        if may_pass {
            retry.failed(Instant::now());
        }
        let loader = Arc::new(loader);
        let swapper = Arc::new(Swapper {
            current: current.clone(),
            dispatcher: dispatcher.clone(),
            on_swap,
        });
        let notice = Arc::new(move || {
            let _ = notices.send(Message::Look);
        });
        let manifest = current.load().manifest.clone();
        Self {
            files: WatchedFiles::new(loader.source.path.clone(), &manifest, attempted, notice),
            roll_backs: RollBacks {
                loader: loader.clone(),
                swapper: swapper.clone(),
                dispatcher,
                deliveries,
                clock: clock.clone(),
            },
            loader,
            current,
            swapper,
            clock,
            retry,
        }
    }

    fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        self.roll_backs.retry_uncounted_of_kept_out();
        self.files.watch(&self.current.load().manifest);
        // Files may have changed between the first build and the watch.
        self.look();
        while let Some(wakeup) = self.wait(inbox) {
            for news in wakeup.trials {
                self.roll_backs.act_on(news);
            }
            for asked in wakeup.by_hand {
                self.do_by_hand(asked);
            }
            if wakeup.reload {
                self.reload();
            } else {
                self.look();
            }
            for waiting in wakeup.waiting {
                // Who asked may have gone.
                let _ = waiting.send(());
            }
        }
    }

    /// Waits for a reason to look. Returns `None` when the thread must end.
    fn wait(&self, inbox: &mpsc::Receiver<Message>) -> Option<Wakeup> {
        let settings = self.current.load().manifest.reload.clone();
        let poll = (settings.watch == Watch::Poll).then_some(settings.poll_interval);
        let retry = self.retry.wait(Instant::now());
        let first = match poll.into_iter().chain(retry).min() {
            Some(wait) => inbox.recv_timeout(wait),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let first = match first {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => {
                return Some(Wakeup {
                    reload: self
                        .retry
                        .wait(Instant::now())
                        .is_some_and(|left| left.is_zero()),
                    ..Wakeup::default()
                });
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        if matches!(first, Message::Look) {
            // A folder in which other files change often must not keep this thread busy: one look
            // answers all notices of a while.
            std::thread::sleep(QUIET);
        }
        let mut wakeup = Wakeup::default();
        for message in std::iter::once(first).chain(inbox.try_iter()) {
            match message {
                Message::Stop => return None,
                Message::Reload(waiting) => {
                    wakeup.reload = true;
                    wakeup.waiting.extend(waiting);
                }
                Message::Trial(news) => wakeup.trials.push(news),
                Message::ByHand(asked) => wakeup.by_hand.push(asked),
                Message::Look => {}
            }
        }
        Some(wakeup)
    }

    /// Does what an operator asks for. Who asked may have gone meanwhile.
    fn do_by_hand(&mut self, asked: ByHand) {
        match asked {
            ByHand::RollBack(request, answer) => {
                let _ = answer.send(self.roll_backs.roll_back_by_hand(request));
            }
            ByHand::Readmit(handler, answer) => {
                let readmitted = self.roll_backs.readmit(handler);
                if readmitted.is_ok() {
                    self.reload();
                }
                let _ = answer.send(readmitted);
            }
        }
    }

    /// Reloads if the files have changed.
    fn look(&mut self) {
        let debounce = self.current.load().manifest.reload.debounce;
        if self.files.have_changed(debounce) {
            self.reload();
        }
    }

    fn reload(&mut self) {
        self.files.begin_attempt();
        match self.build() {
            Ok(built) => {
                self.files.set(&built.generation.manifest);
                self.loader.keep(&built);
                self.swapper.serve(built.generation);
                self.current.loaded();
                self.retry.clear();
            }
            Err(error) => {
                self.current.failed(error.to_string(), self.clock.now());
                self.failed(&error);
            }
        }
        self.files.end_attempt(&self.current.load().manifest);
    }

    /// Tells why a reload failed, and tries again soon if the reason may pass.
    fn failed(&mut self, error: &LoadError) {
        if error.may_pass() {
            let retry_in = self.retry.failed(Instant::now());
            tracing::error!(
                %error,
                ?retry_in,
                "the reload failed; the last good generation keeps serving, and the reload is \
                 tried again",
            );
        } else {
            self.retry.clear();
            tracing::error!(%error, "the reload failed; the last good generation keeps serving");
        }
    }

    fn build(&mut self) -> Result<BuiltGeneration, LoadError> {
        let read = self.loader.read_manifest().inspect_err(|error| {
            // The file of a secret may be missing.
            if let LoadError::Generation(GenerationError::Manifest(mistakes)) = error {
                self.files.add(mistakes.secret_files());
            }
        })?;
        let serves = self.current.load();
        self.files
            .attempt_reads(&serves.manifest, &read.manifest, read.signature.clone());
        self.loader.build(read, serves.number + 1, self.clock.now())
    }
}
