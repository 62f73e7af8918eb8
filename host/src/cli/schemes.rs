//! `tollgate schemes`: the schemes that are built in, and how each is set up.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::table::write_rows;
use tollgate_scheme::{build, page, pages};

#[derive(Debug, Args)]
pub(super) struct SchemesArgs {
    /// A scheme, to print all about it; without one, all are listed.
    name: Option<String>,
}

/// Ends with 2 if there is no such scheme.
pub(super) fn run(args: &SchemesArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(name) = &args.name else {
        let rows =
            pages().map(|page| [page.name(), page.title(), page.horizon()].map(str::to_owned));
        write_rows(&mut out, ["scheme", "provider", "sends again for"], rows)?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(page) = page(name) else {
        // What is not there cannot be built either, and the error names the nearest.
        for error in build(name, Default::default()).err().into_iter().flatten() {
            eprintln!("tollgate: {error}");
        }
        return Ok(ExitCode::from(super::request::WRONG_USAGE));
    };
    write!(out, "{}", page.markdown())?;
    Ok(ExitCode::SUCCESS)
}
