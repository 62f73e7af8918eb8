//! `tollgate man`: the manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;

use super::output::{counted, text_out};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder, such as /usr/local/share/man/man1. Without a
    /// folder, the first page is printed.
    folder: Option<PathBuf>,
}

/// Prints the first page of the program, or writes all.
pub(super) fn run(program: Command, args: &ManArgs) -> anyhow::Result<ExitCode> {
    let Some(folder) = &args.folder else {
        // The command `help` has no page.
        let program = program.disable_help_subcommand(true);
        Man::new(program).render(&mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    };
    let cannot = || format!("the pages cannot be written into {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(program, folder).with_context(cannot)?;
    let pages = fs::read_dir(folder)?.flatten();
    let ours = pages.filter(|page| page.file_name().to_string_lossy().starts_with("tollgate"));
    let many = counted(ours.count(), "page");
    writeln!(text_out(), "{many} in {}", folder.display())?;
    Ok(ExitCode::SUCCESS)
}
