//! `tollgate trigger`: posts realistic, rightly signed events to a running gateway.

mod args;
mod key;
mod list;
mod outcome;
mod plan;
mod post;
mod print;
mod target;
mod why;

use std::process::ExitCode;

use anyhow::bail;
use tollgate_base::time::WallTime;

pub(super) use args::TriggerArgs;

use super::exit::Exit;
use super::output::print_error;
use super::request::CapturedFile;
use args::PrintForm;
use plan::{Item, Plan};
use target::Target;

/// Runs the command. Exit code 0 means that the gateway took every request, 1 that it did not, 2
/// wrong arguments.
pub(super) fn run(args: &TriggerArgs) -> anyhow::Result<ExitCode> {
    match prepare(args) {
        Ok(Prepared::Done) => Ok(ExitCode::SUCCESS),
        Ok(Prepared::Print(target, plan, form)) => {
            print::print(&target, &plan, form, args.scheme.now())
        }
        Ok(Prepared::Post(target, plan)) => post::run(args, &target, &plan),
        Err(error) => {
            print_error(error);
            Ok(Exit::NotTried.into())
        }
    }
}

/// What the arguments ask for.
enum Prepared {
    /// It is done already.
    Done,
    Print(Target, Plan, PrintForm),
    Post(Target, Plan),
}

/// Makes the first event, so that what is wrong with it is told before anything is posted. Tells
/// which values of `--override` are new in it.
fn tell_additions(plan: &Plan, now: WallTime) -> anyhow::Result<()> {
    if let Some(Item::Told(first, _)) = plan.get(0, now).transpose()? {
        let notes = first.added.iter();
        notes.for_each(|note| print_error(format!("note: {note}")));
    }
    Ok(())
}

fn prepare(args: &TriggerArgs) -> anyhow::Result<Prepared> {
    if args.list {
        list::list(args)?;
        return Ok(Prepared::Done);
    }
    if let Some(path) = &args.new_key {
        key::make(list::scheme_of(args)?, path)?;
        return Ok(Prepared::Done);
    }
    let captures = args.capture.iter().map(|path| CapturedFile::read(path));
    let captures = captures.collect::<anyhow::Result<Vec<_>>>()?;
    let (target, plan) = if captures.is_empty() {
        let target = Target::of(args)?;
        let plan = Plan::of(args, &target)?;
        tell_additions(&plan, args.scheme.now())?;
        (target, plan)
    } else {
        let target = Target::of_captures(args, &captures)?;
        let plan = Plan::of_captures(args, &captures, &target)?;
        (target, plan)
    };
    Ok(match args.print {
        Some(_) if plan.len() > 1 => {
            bail!("`--print` prints one event: leave `--repeat` and `--scenario` out")
        }
        Some(form) => Prepared::Print(target, plan, form),
        None => Prepared::Post(target, plan),
    })
}
