//! `docs/cli.md`, made of the commands and their options.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command};

use super::command::program;
use super::exit::Exit;
use crate::prose::wrapped;

const HEAD: &str = "\
# The command line

This page is made of the program's own help; `PAGES=write cargo nextest run -E 'test(cli::page)'`
writes it anew. [operating.md](operating.md#commands) shows the commands at work.

On a terminal, times are in local time with their offset, ids of events are shortened, tables fit
the width, and lasting work shows a bar on standard error. In a pipe or a file, and in `--json`,
times are in UTC and ids are whole. A command takes the beginning of an event's id wherever it takes
the id, as long as no other event has the same beginning: four hex digits at least.
";

/// The page.
fn page() -> String {
    let program = program();
    let mut page = HEAD.to_owned();
    page.push_str("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        _ = writeln!(page, "| {} | {} |", exit.code(), exit.meaning());
    }
    page.push_str("\n## Options of every command\n");
    write_arguments(&mut page, program.get_arguments());
    for command in shown(&program) {
        write_command(&mut page, "tollgate", command);
    }
    page
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let commands = command.get_subcommands();
    commands.filter(|one| !one.is_hide_set() && one.get_name() != "help")
}

fn write_command(page: &mut String, before: &str, command: &Command) {
    let name = format!("{before} {}", command.get_name());
    let level = if before == "tollgate" { "##" } else { "###" };
    let about = command.get_long_about().or(command.get_about());
    let about = about
        .map(|about| prose(&about.to_string()))
        .unwrap_or_default();
    _ = write!(page, "\n{level} `{name}`\n\n{}\n", wrapped(&about));
    write_arguments(page, command.get_arguments());
    for one in shown(command) {
        write_command(page, &name, one);
    }
}

fn write_arguments<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut arguments = arguments
        .filter(|one| !one.is_hide_set() && !matches!(one.get_id().as_str(), "help" | "version"))
        .peekable();
    if arguments.peek().is_none() {
        return;
    }
    page.push_str("\n| Argument | Default | Meaning |\n|---|---|---|\n");
    for argument in arguments {
        let (name, default) = (name_of(argument), default_of(argument));
        _ = writeln!(page, "| {name} | {default} | {} |", meaning(argument));
    }
}

/// `--limit LIMIT`, or `HANDLER` for an argument without a name.
fn name_of(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let values: Vec<_> = values.iter().map(|name| name.as_str()).collect();
    let value = values.join(" ");
    let takes = !matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::Count | ArgAction::SetFalse
    );
    let name = match (argument.get_long(), takes) {
        (Some(long), true) => format!("--{long} {value}"),
        (Some(long), false) => format!("--{long}"),
        (None, _) => value,
    };
    let name = format!("`{}`", name.trim());
    match argument.is_required_set() {
        true => format!("{name} (needed)"),
        false => name,
    }
}

fn default_of(argument: &Arg) -> String {
    let values = argument.get_default_values().iter();
    let values = values.map(|value| format!("`{}`", value.to_string_lossy()));
    let is_switch = !argument.get_action().takes_values();
    match is_switch {
        true => String::new(),
        false => values.collect::<Vec<_>>().join(", "),
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut meaning = help
        .map(|help| prose(&help.to_string()))
        .unwrap_or_default();
    let values = argument.get_possible_values();
    let names = values.iter().filter(|value| !value.is_hide_set());
    let names: Vec<_> = names
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !names.is_empty() && argument.get_action().takes_values() {
        _ = write!(meaning, " One of {}.", names.join(", "));
    }
    if let Some(env) = argument.get_env() {
        _ = write!(meaning, " Environment: `{}`.", env.to_string_lossy());
    }
    meaning.replace('|', "\\|")
}

/// A help text as prose on one line.
fn prose(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text.trim();
    match text.ends_with(['.', '?']) || text.is_empty() {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

#[test]
fn the_page_of_the_commands_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let page = page();
    if std::env::var_os("PAGES").is_some() {
        std::fs::write(&file, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/cli.md is out of date: run PAGES=write cargo nextest run -E 'test(cli::page)'"
    );
}

#[test]
fn every_command_and_argument_says_what_it_is() {
    fn check(name: &str, command: &Command) {
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments().filter(|one| !one.is_hide_set()) {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{name}: {id}");
        }
        for one in shown(command) {
            check(&format!("{name} {}", one.get_name()), one);
        }
    }
    check("tollgate", &program());
}
