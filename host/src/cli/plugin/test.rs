//! `tollgate plugin test`: runs fixtures, and shows what the handler did.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value as Json, json};

use super::build::{build_project, load};
use super::progress::{say, say_error};
use super::report::write_outcome;
use super::trial::{Outcome, Trial};
use crate::cli::output::{counted, json_out, text_out};
use crate::generation::fixtures::{Mismatch, Played, described, updated, value_of};

/// The arguments of `plugin test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Write what the handler did into the fixtures that fail or expect nothing.
    #[arg(long)]
    update: bool,
    /// Print a JSON array of fixtures.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 1 means that a fixture failed.
pub(super) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let Some((settings, built)) = build_project(folder)? else {
        return Ok(ExitCode::FAILURE);
    };
    let trial = match load(&settings, &built)? {
        Ok(trial) => trial,
        Err(failure) => {
            say_error(&failure.what, failure.help.as_deref());
            return Ok(ExitCode::FAILURE);
        }
    };
    let outcomes = trial.play_all()?;
    if outcomes.is_empty() {
        let pattern = settings
            .handler
            .fixtures
            .as_deref()
            .unwrap_or(Path::new(""));
        say_error(
            &format!("{}: no file matches", pattern.display()),
            Some(
                "write a fixture: {\"event\": {\"kind\": \"…\", \"payload\": {…}}}; --update adds what the handler does",
            ),
        );
        return Ok(ExitCode::FAILURE);
    }
    show(args, &trial, &outcomes)?;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed());
    let mut left = 0;
    for outcome in failed {
        left += usize::from(!(args.update && update(folder, outcome)?));
    }
    Ok(match left {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn show(args: &TestArgs, trial: &Trial, outcomes: &[Outcome]) -> anyhow::Result<()> {
    if args.json {
        let all: Vec<_> = outcomes.iter().map(as_json).collect();
        writeln!(json_out(), "{:#}", Json::from(all))?;
        return Ok(());
    }
    let mut out = text_out();
    for outcome in outcomes {
        write_outcome(&mut out, &args.folder, trial, outcome)?;
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
    let Some(text) = updated(&outcome.text, played) else {
        return Ok(false);
    };
    let path = &outcome.path;
    fs::write(path, text).with_context(|| path.display().to_string())?;
    let shown = path.strip_prefix(folder).unwrap_or(path);
    say(&format!("updated {}", shown.display()));
    Ok(true)
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
    let logs = run
        .logs
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or(Json::Null));
    let mismatch = |mismatch: &Mismatch| {
        json!({
            "what": mismatch.what,
            "expected": mismatch.expected,
            "found": mismatch.found,
        })
    };
    let mismatches = played.mismatches.as_ref();
    let after = played
        .after
        .iter()
        .map(|(key, value)| (key.clone(), value_of(value)));
    json!({
        "event": played.kind,
        "detail": run.end.name_and_detail().1,
        "did": described(run),
        "state_after": after.collect::<serde_json::Map<_, _>>(),
        "logs": logs.collect::<Vec<_>>(),
        "milliseconds": run.duration.as_secs_f64() * 1000.0,
        "memory": run.memory,
        "mismatches": mismatches.map(|all| all.iter().map(mismatch).collect::<Vec<_>>()),
    })
}
