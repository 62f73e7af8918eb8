//! Changes by number or by filter, `retry` and `cancel`, and what other changes share with them.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::client::{Client, GatewayArgs, Side};
use super::table::printable;
use crate::api::change::{Report, STEP, Several};

/// Between two steps, so that acknowledgements are not held up by many changes.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// What a command ends with when it was not told to go on.
pub(super) const NOT_CONFIRMED: u8 = 2;

/// Who runs the command, as far as the environment says, for the record.
pub(super) fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    format!("{user}, by command")
}

/// Whether somebody at a terminal says to go on with what `tell` writes.
pub(super) fn confirmed(tell: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    tell(&mut io::stderr().lock())?;
    eprint!("go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Report {
    /// What was done by handler and state, and what was not and why.
    pub(super) fn write_parts(&self, out: &mut dyn Write) -> io::Result<()> {
        for (what, many) in &self.by {
            writeln!(out, "  {many:6} {}", printable(what))?;
        }
        for (why, many) in &self.refused {
            writeln!(out, "  {many:6} not: {}", printable(why))?;
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
    /// By their numbers, as lists show them.
    pub(super) seqs: Vec<i64>,
    /// Only count those that are meant.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask before those that a filter means are changed.
    #[arg(long)]
    yes: bool,
    /// Why, for the record.
    #[arg(long)]
    pub(super) why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is done, in words and as a path of the API.
pub(super) struct Wording {
    /// What it is done to: `requests`.
    pub(super) things: &'static str,
    /// `/api/outbox/retry`
    pub(super) path: &'static str,
    /// `are sent again`, and what that would be.
    pub(super) done: &'static str,
    pub(super) would: &'static str,
}

impl ChangeArgs {
    /// The gateway that is to do it.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        match self.gateway.find()? {
            Side::Gateway(client) => Ok(client),
            Side::Ledger(_) => bail!("no gateway answers: a change needs one that runs"),
        }
    }

    /// Has those changed that are named or, if it says anything, that `filter` means.
    pub(super) fn change(
        &self,
        wording: &Wording,
        filter: Vec<(&'static str, String)>,
    ) -> anyhow::Result<ExitCode> {
        let by_filter = !filter.is_empty();
        if self.seqs.is_empty() != by_filter {
            bail!(
                "name {} by their numbers, or give a filter such as `--handler`",
                wording.things
            );
        }
        if self.seqs.len() > STEP {
            bail!("{STEP} can be named at once; use a filter for more");
        }
        let client = self.client()?;
        let filter = filter
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let asked = Several {
            numbers: self.seqs.clone(),
            filter: by_filter.then(|| filter.collect()),
            who: Some(who()),
            why: self.why.clone(),
            ..Several::default()
        };
        if self.dry_run || by_filter {
            let counted = steps(&client, wording, &asked, true)?;
            if self.dry_run {
                self.tell(wording, &counted)?;
                return Ok(ExitCode::SUCCESS);
            }
            let tell = |out: &mut dyn Write| write_report(out, wording, &counted, true);
            if !self.yes && (self.json || !confirmed(tell)?) {
                eprintln!("nothing was changed; say --yes to go on");
                return Ok(ExitCode::from(NOT_CONFIRMED));
            }
        }
        let report = steps(&client, wording, &asked, false)?;
        self.tell(wording, &report)?;
        let as_told = by_filter || report.done == report.matched;
        Ok(if as_told {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn tell(&self, wording: &Wording, report: &Report) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            let told = json!({
                "dry_run": self.dry_run,
                "matched": report.matched,
                "done": report.done,
                "by": report.by,
                "refused": report.refused,
            });
            writeln!(out, "{told:#}")?;
        } else {
            write_report(&mut out, wording, report, self.dry_run)?;
        }
        Ok(())
    }
}

/// Asks step by step until all is done.
fn steps(
    client: &Client,
    wording: &Wording,
    asked: &Several,
    dry_run: bool,
) -> anyhow::Result<Report> {
    let mut asked = Several {
        dry_run,
        ..asked.clone()
    };
    let mut total = Report::default();
    loop {
        let report: Report = client.post(wording.path, &serde_json::to_value(&asked)?)?;
        (asked.after, asked.until) = (report.next, report.until);
        total.add(report);
        if asked.after.is_none() {
            return Ok(total);
        }
        if !dry_run {
            std::thread::sleep(PAUSE);
        }
    }
}

fn write_report(
    out: &mut dyn Write,
    wording: &Wording,
    report: &Report,
    dry_run: bool,
) -> io::Result<()> {
    let done = if dry_run { wording.would } else { wording.done };
    let things = wording.things;
    writeln!(out, "{} of {} {things} {done}", report.done, report.matched)?;
    report.write_parts(out)
}
