//! `tollgate plugin test`: runs fixtures, and shows what the handler did.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value as Json, json};
use tollgate_base::event::HandlerName;
use tollgate_base::files::read_regular;
use tollgate_sandbox::End;

use super::build::{build_project, load};
use super::debugging::DebugArgs;
use super::from_ledger::Recorded;
use super::progress::{say, say_error};
use super::report::{write_outcome, write_run};
use super::trial::{Failure, Outcome, SettingsIn, Trial};
use super::watch::after_each_change;
use crate::cli::compile::code_cache;
use crate::cli::environment::environment;
use crate::cli::output::{counted, json_out, text_out};
use crate::generation::fixtures::{Mismatch, Played, described, updated, value_of};
use crate::generation::read_manifest;
use crate::manifest;
use crate::settings::{Handler, Manifest};

/// The most bytes of a component's file.
const MAX_SIZE: usize = 512 << 20;

/// The arguments of `plugin test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The folder of a project, which is built first, or the file of a component.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The fixtures: a pattern such as `fixtures/*.json`. Default: those of the project, or of the
    /// manifest's handler.
    #[arg(long)]
    fixtures: Option<PathBuf>,
    /// A manifest whose handler has the settings, instead of the project.
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// The handler in the manifest. Default: the only one, or the one with the project's name.
    #[arg(long, requires = "manifest")]
    handler: Option<String>,
    /// Run the handler on a recorded delivery (its number, or the id of its event) and on the
    /// handler's state as it is now. Nothing is changed.
    #[arg(long, value_name = "ID", requires = "manifest")]
    from_ledger: Option<String>,
    /// Write the recorded delivery as a fixture that expects what the handler did.
    #[arg(long, value_name = "FILE", requires = "from_ledger")]
    save: Option<PathBuf>,
    /// Write what the handler did into the fixtures that fail or expect nothing.
    #[arg(long)]
    update: bool,
    /// Test again after each change, until the command is ended.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    debugging: DebugArgs,
    /// Print a JSON array of fixtures.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 1 means that a fixture failed.
pub(super) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    match args.watch {
        true => after_each_change(args.folder(), || test(args).map(drop)),
        false => test(args),
    }
}

fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let manifest = match &args.manifest {
        Some(path) => Some(read_manifest(path, &environment())?.manifest),
        None => None,
    };
    let loaded = match args.path.is_dir() {
        true => of_project(args, manifest.as_ref())?,
        false => of_file(args, manifest.as_ref())?,
    };
    let Some(loaded) = loaded else {
        return Ok(ExitCode::FAILURE);
    };
    let trial = match loaded {
        Ok(trial) => trial,
        Err(failure) => {
            failure.say();
            return Ok(ExitCode::FAILURE);
        }
    };
    match (&args.from_ledger, &manifest) {
        (Some(id), Some(manifest)) => run_recorded(args, &trial, manifest, id),
        _ => run_fixtures(args, &trial),
    }
}

impl TestArgs {
    /// The folder that shown paths are relative to.
    fn folder(&self) -> &Path {
        match self.path.is_dir() {
            true => &self.path,
            false => match self.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            },
        }
    }

    /// The handler with the fixtures of the arguments, if they name some.
    fn with_fixtures(&self, handler: Arc<Handler>) -> Arc<Handler> {
        match &self.fixtures {
            None => handler,
            Some(fixtures) => Arc::new(Handler {
                fixtures: Some(fixtures.clone()),
                allow: Vec::new(),
                guest: handler.guest.clone(),
                ..manifest::default_handler(handler.name.as_str())
            }),
        }
    }

    /// The handler of the manifest. `name` is that of the project.
    fn handler_of(&self, manifest: &Manifest, name: &str) -> anyhow::Result<Arc<Handler>> {
        let handlers = &manifest.handlers;
        let named = match &self.handler {
            Some(name) => handlers.get(&HandlerName::new(name.as_str())),
            None if handlers.len() == 1 => handlers.values().next(),
            None => handlers.get(&HandlerName::new(name)),
        };
        let names: Vec<_> = handlers.keys().map(HandlerName::as_str).collect();
        let hint = || format!("name one of the manifest's handlers with `--handler`: {names:?}");
        named.cloned().with_context(hint)
    }
}

type Loaded = Option<Result<Trial, Failure>>;

/// Builds a project and loads its component. `None` if the build failed: the user has been told.
fn of_project(args: &TestArgs, manifest: Option<&Manifest>) -> anyhow::Result<Loaded> {
    let Some((mut settings, built)) = build_project(&args.path)? else {
        return Ok(None);
    };
    let mut stand: fn(_) -> _ = SettingsIn::Project;
    if let Some(manifest) = manifest {
        settings.handler = args.handler_of(manifest, &settings.project.name)?;
        stand = SettingsIn::Manifest;
    }
    settings.handler = args.with_fixtures(settings.handler);
    load(&settings, &built, stand, &args.debugging).map(Some)
}

/// Loads the file of a component.
fn of_file(args: &TestArgs, manifest: Option<&Manifest>) -> anyhow::Result<Loaded> {
    let path = args.path.display().to_string();
    let bytes = read_regular(&args.path, MAX_SIZE).with_context(|| path)?;
    let name = args.path.file_stem().unwrap_or_default().to_string_lossy();
    let handler = match manifest {
        Some(manifest) => args.handler_of(manifest, &name)?,
        None => Arc::new(Handler {
            fixtures: Some(args.folder().join("fixtures/*.json")),
            ..manifest::default_handler(&name)
        }),
    };
    let handler = args.with_fixtures(handler);
    let settings = match manifest {
        Some(_) => SettingsIn::Manifest(None),
        None => SettingsIn::Nowhere,
    };
    Trial::load(&bytes, &handler, settings, code_cache(), &args.debugging).map(Some)
}

fn run_fixtures(args: &TestArgs, trial: &Trial) -> anyhow::Result<ExitCode> {
    let outcomes = trial.play_all()?;
    if outcomes.is_empty() {
        let pattern = trial.handler.fixtures.as_deref().unwrap_or(Path::new(""));
        let help = "write a fixture: {\"event\": {\"kind\": \"…\", \"payload\": {…}}}; `--update` \
                    adds what the handler does";
        say_error(
            &format!("{}: no file matches", pattern.display()),
            Some(help),
        );
        return Ok(ExitCode::FAILURE);
    }
    show(args, trial, &outcomes)?;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed());
    let mut left = 0;
    for outcome in failed {
        left += usize::from(!(args.update && update(args.folder(), outcome)?));
    }
    Ok(match left {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Runs the handler on a recorded delivery.
fn run_recorded(
    args: &TestArgs,
    trial: &Trial,
    manifest: &Manifest,
    id: &str,
) -> anyhow::Result<ExitCode> {
    let recorded = Recorded::find(manifest, &trial.handler, id)?;
    let run = trial.run(&recorded.delivery, &|| recorded.surroundings())?;
    let fixture = recorded.fixture(&run)?;
    if args.json {
        writeln!(json_out(), "{fixture:#}")?;
    } else {
        write_run(&mut text_out(), &recorded.delivery.event.kind, &run)?;
    }
    if let Some(path) = &args.save {
        if path.exists() {
            bail!("{} is there already: choose another name", path.display());
        }
        let text = format!("{fixture:#}\n");
        fs::write(path, text).with_context(|| path.display().to_string())?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &TestArgs, trial: &Trial, outcomes: &[Outcome]) -> anyhow::Result<()> {
    if args.json {
        let all: Vec<_> = outcomes.iter().map(as_json).collect();
        writeln!(json_out(), "{:#}", Json::from(all))?;
        return Ok(());
    }
    let mut out = text_out();
    for outcome in outcomes {
        write_outcome(&mut out, args.folder(), trial, outcome)?;
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let all = counted(outcomes.len(), "fixture");
    match failed {
        0 => writeln!(out, "{all}: all as expected")?,
        failed => writeln!(out, "{all}: {failed} failed")?,
    }
    Ok(())
}

/// Writes the expectations of a fixture anew. Returns whether the fixture has them now.
fn update(folder: &Path, outcome: &Outcome) -> anyhow::Result<bool> {
    let Ok(played) = &outcome.played else {
        return Ok(false);
    };
    let path = &outcome.path;
    if let Some(why) = played.iter().find_map(unexpectable) {
        let shown = path.strip_prefix(folder).unwrap_or(path);
        say(&format!("{} is not updated: {why}", shown.display()));
        return Ok(false);
    }
    let Some(text) = updated(&outcome.text, played) else {
        return Ok(false);
    };
    fs::write(path, text).with_context(|| path.display().to_string())?;
    let shown = path.strip_prefix(folder).unwrap_or(path);
    say(&format!("updated {}", shown.display()));
    Ok(true)
}

/// Why nobody can want what a step did: the run broke off, or lacked an answer. A fixture that
/// expects this on purpose has it written by hand.
fn unexpectable(played: &Played) -> Option<&'static str> {
    let mismatches = played.mismatches.as_ref();
    if mismatches.is_some_and(Vec::is_empty) {
        return None;
    }
    match &played.run.end {
        End::Done | End::Ignored(_) | End::Retry { .. } | End::Reject(_) => {}
        _ => return Some("the run broke off; mend the handler, or write the expectation yourself"),
    }
    let why = "a request has no answer in `http` of the fixture";
    played.lacks_answer.then_some(why)
}

fn as_json(outcome: &Outcome) -> Json {
    let steps = outcome.played.as_ref().ok();
    json!({
        "fixture": outcome.path,
        "passed": outcome.passed(),
        "error": outcome.played.as_ref().err().map(ToString::to_string),
        "steps": steps.map(|steps| steps.iter().map(step_json).collect::<Vec<_>>()),
    })
}

fn step_json(played: &Played) -> Json {
    let run = &played.run;
    let logs = run.logs.lines();
    let logs = logs.map(|line| serde_json::from_str(line).unwrap_or(Json::Null));
    let mismatch = |mismatch: &Mismatch| {
        json!({
            "what": mismatch.what,
            "expected": mismatch.expected,
            "found": mismatch.found,
        })
    };
    let mismatches = played.mismatches.as_ref();
    let after = played.after.iter();
    let after = after.map(|(key, value)| (key.clone(), value_of(value)));
    json!({
        "event": played.kind,
        "detail": run.end.name_and_detail().1,
        "did": described(run),
        "state_after": after.collect::<serde_json::Map<_, _>>(),
        "logs": logs.collect::<Vec<_>>(),
        "milliseconds": run.duration.as_secs_f64() * 1000.0,
        "memory": run.memory,
        "calls": run.trace,
        "mismatches": mismatches.map(|all| all.iter().map(mismatch).collect::<Vec<_>>()),
    })
}
