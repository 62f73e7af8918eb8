//! `tollgate plugin new`: makes a new project.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use tollgate_base::suggest::nearest;
use tollgate_toolkit::{Language, NewProject, Sample, create, samples};

use crate::cli::output::text_out;

/// The arguments of `plugin new`.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The folder of the project. Its last part is the handler's name.
    name: PathBuf,
    /// The language.
    #[arg(long, value_parser = PossibleValuesParser::new(Language::names()))]
    lang: String,
    /// The event that the handler is for, such as `stripe:charge.refunded`.
    #[arg(long, value_name = "SOURCE:EVENT")]
    from: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let name = args.name.file_name().and_then(|name| name.to_str());
    let name = name.context("the folder's last part is the handler's name, such as `refunds`")?;
    let language: Language = args.lang.parse()?;
    let new = NewProject {
        folder: &args.name,
        name,
        language,
        sample: sample(args.from.as_deref())?,
    };
    let created = create(&new)?;
    let mut out = text_out();
    let folder = args.name.display();
    writeln!(
        out,
        "made {folder}, a handler in {language} for {}",
        new.sample.name()
    )?;
    for file in created.files {
        writeln!(out, "  {}", file.display())?;
    }
    writeln!(
        out,
        "\nnext:\n  cd {folder}\n  tollgate plugin build\n  tollgate plugin test"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The sample of this name, or the first one.
fn sample(name: Option<&str>) -> anyhow::Result<&'static Sample> {
    let samples = samples();
    let Some(name) = name else {
        return Ok(&samples[0]);
    };
    if let Some(sample) = samples.iter().find(|sample| sample.name() == name) {
        return Ok(sample);
    }
    let names: Vec<_> = samples.iter().map(Sample::name).collect();
    let meant = match nearest(name, names.iter().map(String::as_str)) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => String::new(),
    };
    bail!(
        "there is no sample of `{name}`{meant}\nthe samples are:\n  {}\nfor another event, take the \
         nearest one, and put an event of yours into fixtures/ and event.json",
        names.join("\n  ")
    )
}
