//! Tries a component out in the real sandbox: loads it, and runs fixtures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tollgate_base::files::read_regular_text;
use tollgate_ledger::Delivery;
use tollgate_sandbox::{
    CompileLimits, Component, End, LoadError, Run, Sandbox, SandboxOptions, Surroundings,
    THREAD_STACK,
};
use tollgate_toolkit::Language;

use super::debugging::DebugArgs;
use super::progress::say_error;
use crate::cli::compile::compile_in;
use crate::generation::fixtures::{self, Fixture, FixtureProblem, MAX_SIZE, Played, play, play_by};
use crate::generation::prepare;
use crate::settings::Handler;

/// How long a component may take to compile here. A gateway has a limit of its own; a machine that
/// builds something else meanwhile is no fault of the component.
const PATIENCE: Duration = Duration::from_secs(600);

/// A component that is loaded, with the handler as its fixtures run it.
pub(super) struct Trial {
    pub(super) sandbox: Sandbox,
    pub(super) component: Arc<Component>,
    pub(super) handler: Arc<Handler>,
    language: Option<Language>,
    /// What a developer wants to see of the runs.
    debugging: DebugArgs,
}

/// Where the settings of a handler stand, for what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsIn {
    /// In the `plugin.toml` of its project, in this language.
    Project(Option<Language>),
    /// In the manifest.
    Manifest(Option<Language>),
    /// Nowhere: the file of a component alone.
    Nowhere,
}

impl SettingsIn {
    fn language(self) -> Option<Language> {
        match self {
            Self::Project(language) | Self::Manifest(language) => language,
            Self::Nowhere => None,
        }
    }

    /// What to write for a component that needs more than it may have.
    fn raise_the_limit(self) -> &'static str {
        match self {
            Self::Project(_) => {
                "raise the limit in `[handler]` of plugin.toml and in the manifest, such as \
                 memory = \"128MiB\""
            }
            Self::Manifest(_) => {
                "raise the limit in `[handlers.NAME]` of the manifest, such as memory = \"128MiB\""
            }
            Self::Nowhere => {
                "give the settings of its handler: `--manifest tollgate.toml --handler NAME`"
            }
        }
    }

    /// What to write for a component that asks without a grant.
    fn grant(self) -> &'static str {
        match self {
            Self::Project(_) => {
                "in plugin.toml, write `[[handler.allow]]` with `origin = \"https://…\"` and \
                 `immediate = true`; in the manifest, the same in `[[handlers.NAME.allow]]`"
            }
            Self::Manifest(_) => {
                "in the manifest, write `[[handlers.NAME.allow]]` with `origin = \"https://…\"` and \
                 `immediate = true`"
            }
            Self::Nowhere => {
                "give the settings of its handler, whose `allow` grants that: \
                 `--manifest tollgate.toml --handler NAME`"
            }
        }
    }
}

/// What went wrong with a component, and what to write instead.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) help: Option<String>,
}

impl Failure {
    /// Tells the user.
    pub(super) fn say(&self) {
        say_error(&self.what, self.help.as_deref());
    }
}

/// A fixture that was played, or why it could not be.
pub(super) struct Outcome {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) played: Result<Vec<Played>, FixtureProblem>,
}

impl Outcome {
    /// Whether every step ended as expected.
    pub(super) fn passed(&self) -> bool {
        let passed = |played: &Played| played.mismatches.as_ref().is_some_and(Vec::is_empty);
        self.played
            .as_ref()
            .is_ok_and(|played| played.iter().all(passed))
    }
}

impl Trial {
    /// Loads a component. Compiled code is kept in the folder `cache`.
    pub(super) fn load(
        component: &[u8],
        handler: &Arc<Handler>,
        settings: SettingsIn,
        cache: Option<PathBuf>,
        debugging: &DebugArgs,
    ) -> anyhow::Result<Result<Self, Failure>> {
        let options = SandboxOptions {
            cache,
            second_cache: None,
            instances: 1,
            compile_in: compile_in(),
        };
        let sandbox = match debugging.wants_core_dumps() {
            true => Sandbox::for_debugging(&options)?,
            false => Sandbox::new(&options)?,
        };
        sandbox.set_compile_limits(CompileLimits {
            time: PATIENCE,
            ..CompileLimits::default()
        });
        Ok(match prepare(&sandbox, handler, component) {
            Ok(component) => Ok(Self {
                sandbox,
                component,
                handler: handler.clone(),
                language: settings.language(),
                debugging: debugging.clone(),
            }),
            Err(error) => Err(refused(&error, settings)),
        })
    }

    /// Plays the fixtures of the project.
    pub(super) fn play_all(&self) -> anyhow::Result<Vec<Outcome>> {
        let pattern = self.handler.fixtures.as_ref();
        let pattern = pattern.context("a project has fixtures")?;
        let files = match fixtures::files(pattern) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).context(pattern.display().to_string()),
        };
        self.play_files(&files)
    }

    /// Plays fixtures.
    pub(super) fn play_files(&self, files: &[PathBuf]) -> anyhow::Result<Vec<Outcome>> {
        on_guest_stack(|| files.iter().map(|file| self.play_file(file)).collect())
    }

    /// Runs the handler with the state and the answers that `surroundings` gives.
    pub(super) fn run(
        &self,
        delivery: &Delivery,
        surroundings: &(dyn Fn() -> Surroundings + Sync),
    ) -> anyhow::Result<Run> {
        on_guest_stack(|| self.run_here(delivery, surroundings))
    }

    /// The same on this thread, which must have the stack that guests need.
    fn run_here(&self, delivery: &Delivery, surroundings: &dyn Fn() -> Surroundings) -> Run {
        let code = (&*self.component, &self.handler.guest);
        self.debugging
            .run(&self.sandbox, code, delivery, surroundings)
    }

    fn play_file(&self, path: &Path) -> Outcome {
        let text = read_regular_text(path, MAX_SIZE);
        let (text, read) = match text {
            Ok(text) => (text, Ok(())),
            Err(error) => (String::new(), Err(FixtureProblem::Read(error))),
        };
        let played = read.and_then(|()| {
            let fixture = Fixture::parse(text.as_bytes())?;
            let run = |delivery: &Delivery, surroundings: &dyn Fn() -> Surroundings| {
                self.run_here(delivery, surroundings)
            };
            Ok(play_by(&run, &self.handler, fixture))
        });
        Outcome {
            path: path.to_owned(),
            text,
            played,
        }
    }

    /// Calls the handler with an event that it does not know, where there are no fixtures. A
    /// handler ends such a call with an outcome or a failure.
    pub(super) fn play_unknown(&self) -> anyhow::Result<Option<Failure>> {
        let text =
            r#"{"event":{"kind":"tollgate.probe","payload":{}},"expect":{"outcome":"done"}}"#;
        let fixture = Fixture::parse(text.as_bytes())?;
        let played =
            on_guest_stack(|| play(&self.sandbox, &self.component, &self.handler, fixture))?;
        let ends = played.into_iter().map(|played| played.run.end);
        Ok(ends.filter(is_broken).map(|end| self.broken(&end)).next())
    }

    /// What to write instead, for a run that broke off.
    pub(super) fn help(&self, end: &End) -> Option<String> {
        let (_, detail) = end.name_and_detail();
        self.language?.toolchain().explain(&detail)
    }

    fn broken(&self, end: &End) -> Failure {
        let (name, detail) = end.name_and_detail();
        Failure {
            what: format!(
                "the handler ends an event that it does not know with `{name}`: {detail}"
            ),
            help: self.help(end),
        }
    }
}

/// Whether a run ended otherwise than by an outcome or a failure.
fn is_broken(end: &End) -> bool {
    !matches!(
        end,
        End::Done | End::Ignored(_) | End::Retry { .. } | End::Reject(_)
    )
}

/// Why the gateway would not take a component.
fn refused(error: &LoadError, settings: SettingsIn) -> Failure {
    let toolchain = settings.language().map(Language::toolchain);
    let text = error.to_string();
    let own = toolchain.and_then(|toolchain| toolchain.explain(&text));
    let help = own.or_else(|| match error {
        LoadError::World(_) => toolchain.map(|one| one.how_to_export().to_owned()),
        LoadError::Instantiate(_) => Some(settings.raise_the_limit().to_owned()),
        LoadError::Requests(_) => Some(settings.grant().to_owned()),
        _ => None,
    });
    Failure {
        what: format!("the component {text}"),
        help,
    }
}

/// Runs guests on a thread with the stack that they need.
fn on_guest_stack<T: Send>(work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(THREAD_STACK);
        let thread = builder.spawn_scoped(scope, work)?;
        let joined = thread.join();
        joined.map_err(|_| anyhow::anyhow!("the sandbox panicked"))
    })
}
