//! Commands that change many items: a dry run, a question, and a loop of small steps.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tollgate_ledger::Cursor;

use super::args::GatewayArgs;
use super::client::Client;
use super::error::ClientError;
use crate::api::{BulkReport, BulkRequest, STEP};
use crate::cli::exit::{Exit, Unusable};
use crate::cli::output::{print, printable, text_err};
use crate::cli::progress::Progress;

/// The pause between two steps, so that acknowledgements do not wait for a long series of changes.
const PAUSE: Duration = Duration::from_millis(20);

/// The name of the user who runs the command, for the record.
pub(in crate::cli) fn operator() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    format!("{user}, by command")
}

/// The options of every command that changes many items.
#[derive(Debug, Args)]
pub(in crate::cli) struct BulkArgs {
    /// Only count the items that the command would change.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before the items of a filter are changed.
    #[arg(long)]
    yes: bool,
    /// The reason, for the record.
    #[arg(long)]
    pub(in crate::cli) why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// A change of many items by the admin API.
pub(in crate::cli) struct BulkCall<'a> {
    /// The path in the admin API.
    pub(in crate::cli) path: String,
    /// The body. Each step sets `dry_run`, `after` and `until`. A dry run removes `batch`.
    pub(in crate::cli) body: Value,
    /// Whether a filter names the items. Then the user must confirm the change.
    pub(in crate::cli) by_filter: bool,
    /// How often a step is sent if its answer is lost. More than once is safe only if the gateway
    /// recognizes a step that it has carried out.
    pub(in crate::cli) tries: u32,
    /// Writes the result as text, without the counts by state. The flag says whether the result is
    /// of a dry run.
    pub(in crate::cli) write: &'a dyn Fn(&mut dyn Write, &BulkReport, bool) -> io::Result<()>,
    /// The result as JSON, without `dry_run`, `matched`, `by` and `refused`.
    pub(in crate::cli) json: &'a dyn Fn(&BulkReport) -> Value,
}

/// The end of a change of many items.
pub(in crate::cli) enum BulkOutcome {
    /// The user did not confirm the change.
    NotConfirmed,
    /// A dry run has counted the items.
    Counted,
    /// The items are changed.
    Changed(BulkReport),
}

impl BulkOutcome {
    /// The exit code.
    pub(in crate::cli) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotConfirmed => Exit::NotTried.into(),
            Self::Counted | Self::Changed(_) => ExitCode::SUCCESS,
        }
    }
}

impl BulkArgs {
    /// Carries out a change and prints its result.
    ///
    /// A change by filter first counts the items and asks the user, except with `--yes`.
    pub(in crate::cli) fn run(
        &self,
        client: &Client,
        call: &BulkCall<'_>,
    ) -> anyhow::Result<BulkOutcome> {
        let mut matched = 0;
        if self.dry_run || call.by_filter {
            let counted = call.run(client, &Progress::counting("counting"), true)?;
            if self.dry_run {
                self.print(call, &counted)?;
                return Ok(BulkOutcome::Counted);
            }
            matched = counted.matched;
            let question = |out: &mut dyn Write| call.write_text(out, &counted, true);
            if !self.yes && (self.json || !confirmed(question)?) {
                eprintln!("nothing was changed; use --yes to go on without a question");
                return Ok(BulkOutcome::NotConfirmed);
            }
        }
        let progress = match call.by_filter {
            true => Progress::of("changing", matched),
            false => Progress::counting("changing"),
        };
        let report = call.run(client, &progress, false)?;
        drop(progress);
        self.print(call, &report)?;
        Ok(BulkOutcome::Changed(report))
    }

    fn print(&self, call: &BulkCall<'_>, report: &BulkReport) -> anyhow::Result<()> {
        let mut json = json!({
            "dry_run": self.dry_run,
            "matched": report.matched,
            "by": report.by,
            "refused": report.refused,
        });
        if let (Some(json), Value::Object(more)) = (json.as_object_mut(), (call.json)(report)) {
            json.extend(more);
        }
        print(self.json, &json, |out| {
            call.write_text(out, report, self.dry_run)
        })?;
        Ok(())
    }
}

impl BulkCall<'_> {
    /// Sends steps until the gateway has none left, and adds up their results.
    fn run(
        &self,
        client: &Client,
        progress: &Progress,
        dry_run: bool,
    ) -> anyhow::Result<BulkReport> {
        let mut total = BulkReport::default();
        let mut body = self.body.clone();
        body["dry_run"] = dry_run.into();
        if dry_run && let Some(body) = body.as_object_mut() {
            body.remove("batch");
        }
        loop {
            let report = self.step(client, &body)?;
            let text = |cursor: &Option<Cursor>| cursor.as_ref().map(Cursor::as_str).into();
            (body["after"], body["until"]) = (text(&report.next), text(&report.until));
            let last = report.next.is_none();
            progress.add(report.matched);
            total.add(report);
            if last {
                return Ok(total);
            }
            if !dry_run {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Sends one step, several times if its answer is lost.
    fn step(&self, client: &Client, body: &Value) -> Result<BulkReport, ClientError> {
        let mut tries = 1;
        loop {
            match client.post(&self.path, body) {
                Err(
                    ClientError::InvalidAnswer { .. } | ClientError::Refused { status: 503, .. },
                ) if tries < self.tries => {
                    std::thread::sleep(PAUSE * 10 * tries);
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn write_text(
        &self,
        out: &mut dyn Write,
        report: &BulkReport,
        dry_run: bool,
    ) -> io::Result<()> {
        (self.write)(out, report, dry_run)?;
        for (state, number) in &report.by {
            writeln!(out, "  {number:6} {}", printable(state))?;
        }
        for (reason, number) in &report.refused {
            writeln!(out, "  {number:6} not: {}", printable(reason))?;
        }
        Ok(())
    }
}

/// Whether the user at the terminal confirms the change that `write` describes.
fn confirmed(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    write(&mut text_err())?;
    eprint!("go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// An operation on deliveries or requests, with the words of its result.
pub(in crate::cli) struct Operation {
    /// The resource in the admin API, such as `outbox`.
    pub(in crate::cli) resource: &'static str,
    /// The operation in the admin API, such as `retry`.
    pub(in crate::cli) verb: &'static str,
    /// The items in messages, such as `requests`.
    pub(in crate::cli) items: &'static str,
    /// The result, such as `were cancelled`.
    pub(in crate::cli) done: &'static str,
    /// The result of a dry run, such as `would be cancelled`.
    pub(in crate::cli) would: &'static str,
}

/// Which deliveries or requests an operation changes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ItemsArgs {
    #[command(flatten)]
    pub(in crate::cli) gateway: GatewayArgs,
    /// The numbers of the items, as lists show them.
    pub(in crate::cli) seqs: Vec<i64>,
    #[command(flatten)]
    pub(in crate::cli) bulk: BulkArgs,
}

impl ItemsArgs {
    /// Whether the command names exactly one item and changes it.
    pub(in crate::cli) fn single(&self) -> Option<i64> {
        match self.seqs[..] {
            [seq] if !self.bulk.dry_run => Some(seq),
            _ => None,
        }
    }

    /// Changes the items that the arguments name, or that match a filter that is not empty.
    pub(in crate::cli) fn change(
        &self,
        operation: &Operation,
        filter: Vec<(&'static str, String)>,
    ) -> anyhow::Result<ExitCode> {
        let Operation {
            items, done, would, ..
        } = operation;
        let by_filter = !filter.is_empty();
        if self.seqs.is_empty() != by_filter {
            let why =
                format!("name {items} by their numbers, or give a filter such as `--handler`");
            return Err(Unusable::because(why));
        }
        if self.seqs.len() > STEP {
            return Err(Unusable::because(format!(
                "one command takes at most {STEP} numbers; use a filter for more {items}"
            )));
        }
        let client = self.gateway.running_gateway()?;
        let parts = filter.into_iter();
        let filter = parts.map(|(name, value)| (name.to_owned(), value));
        let body = BulkRequest {
            numbers: self.seqs.clone(),
            filter: by_filter.then(|| filter.collect()),
            who: Some(operator()),
            why: self.bulk.why.clone(),
            ..BulkRequest::default()
        };
        let outcome = self.bulk.run(
            &client,
            &BulkCall {
                path: format!("/api/{}/{}", operation.resource, operation.verb),
                body: serde_json::to_value(&body)?,
                by_filter,
                tries: 1,
                write: &|out, report, dry_run| {
                    let end = if dry_run { would } else { done };
                    writeln!(out, "{} of {} {items} {end}", report.done, report.matched)
                },
                json: &|report| json!({ "done": report.done }),
            },
        )?;
        Ok(match outcome {
            BulkOutcome::Changed(report) if !by_filter && report.done < report.matched => {
                ExitCode::FAILURE
            }
            outcome => outcome.exit_code(),
        })
    }
}
