//! `tollgate plugin build`: builds a project, loads the component, and runs the fixtures.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tollgate_toolkit::{BuildError, Built, Language, ProjectKind, build};

use super::debugging::DebugArgs;
use super::progress::{say, say_error};
use super::report::write_failures;
use super::trial::{Failure, SettingsIn, Trial};
use super::watch::after_each_change;
use crate::cli::compile::code_cache;
use crate::cli::output::{counted, text_err, text_out};
use crate::manifest;
use crate::settings::ProjectSettings;

/// The arguments of `plugin build`.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Build again after each change, until the command is ended.
    #[arg(long)]
    watch: bool,
}

/// Runs the command. Exit code 1 means that there is no component that passes its fixtures.
pub(super) fn run(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    if args.watch {
        return after_each_change(&args.folder, || build_and_check(&args.folder).map(drop));
    }
    build_and_check(&args.folder)
}

fn build_and_check(folder: &Path) -> anyhow::Result<ExitCode> {
    let Some((settings, built)) = build_project(folder)? else {
        return Ok(ExitCode::FAILURE);
    };
    let trial = match load(
        &settings,
        &built,
        SettingsIn::Project,
        &DebugArgs::default(),
    )? {
        Ok(trial) => trial,
        Err(failure) => {
            failure.say();
            return Ok(ExitCode::FAILURE);
        }
    };
    let outcomes = trial.play_all()?;
    if outcomes.is_empty()
        && let Some(failure) = trial.play_unknown()?
    {
        failure.say();
        return Ok(ExitCode::FAILURE);
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    if failed > 0 {
        write_failures(&mut text_err(), folder, &trial, &outcomes)?;
        let all = counted(outcomes.len(), "fixture");
        say_error(
            &format!("{failed} of {all} failed"),
            Some(
                "`tollgate plugin test` shows what the handler did; if that is right, --update makes \
                 the fixtures expect it",
            ),
        );
        return Ok(ExitCode::FAILURE);
    }
    if let Err(error) = built.install() {
        say_build_error(&error);
        return Ok(ExitCode::FAILURE);
    }
    let (file, size) = (built.file.display(), built.component.len().div_ceil(1024));
    let took = built.took.as_secs_f64();
    let tried = match outcomes.len() {
        0 => "no fixtures: write one, so that a broken version cannot serve".to_owned(),
        many => format!("{} passed", counted(many, "fixture")),
    };
    writeln!(
        text_out(),
        "{file}  {size} KiB, built in {took:.1} s; {tried}"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the project in a folder. `None` if that failed: the user has been told.
pub(super) fn build_project(folder: &Path) -> anyhow::Result<Option<(ProjectSettings, Built)>> {
    let settings = manifest::project(folder)?;
    for warning in &settings.warnings {
        say(&format!("warning: {warning}"));
    }
    match build(&settings.project, &say) {
        Ok(built) => Ok(Some((settings, built))),
        Err(error) => {
            say_build_error(&error);
            Ok(None)
        }
    }
}

fn say_build_error(error: &BuildError) {
    say_error(&error.to_string(), error.help().as_deref());
}

/// Loads the component of a build, whose handler's settings `stand` in the project or the manifest.
pub(super) fn load(
    settings: &ProjectSettings,
    built: &Built,
    stand: fn(Option<Language>) -> SettingsIn,
    debugging: &DebugArgs,
) -> anyhow::Result<Result<Trial, Failure>> {
    let cache = code_cache().unwrap_or_else(|| settings.project.work().join("compiled"));
    let language = match &settings.project.kind {
        ProjectKind::Language(language) => Some(*language),
        ProjectKind::Custom(_) => None,
    };
    let handler = &settings.handler;
    let stand = stand(language);
    Trial::load(&built.component, handler, stand, Some(cache), debugging)
}
