//! `tollgate schemes`: the built-in schemes, and the page of each.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use tollgate_scheme::{build, page, pages};

use super::exit::Exit;
use super::output::{print_error, text_out, write_rows};

#[derive(Debug, Args)]
pub(super) struct SchemesArgs {
    /// The scheme whose page to print. Without a scheme, the command lists all schemes.
    name: Option<String>,
}

/// Runs the command. Exit code 2 means that there is no such scheme.
pub(super) fn run(args: &SchemesArgs) -> anyhow::Result<ExitCode> {
    let mut out = text_out();
    let Some(name) = &args.name else {
        let rows =
            pages().map(|page| [page.name(), page.title(), page.horizon()].map(str::to_owned));
        write_rows(&mut out, ["scheme", "provider", "resends for"], rows)?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(page) = page(name) else {
        // The build fails too, and its error suggests the nearest name.
        for error in build(name, Default::default()).err().into_iter().flatten() {
            print_error(error);
        }
        return Ok(Exit::NotTried.into());
    };
    write!(out, "{}", page.markdown())?;
    Ok(ExitCode::SUCCESS)
}
