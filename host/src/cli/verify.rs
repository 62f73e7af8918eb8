//! `tollgate verify`: would a captured request be accepted, and if not, why not.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::request::{Chosen, HeaderArgs, SchemeArgs, read_body};
use crate::event::UnixMillis;
use crate::scheme::{Accepted, ProviderEvent, Rejection, Request, build, explain};

/// Arguments that cannot be used, as opposed to a request that is refused.
const WRONG_USAGE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    headers: HeaderArgs,
    /// The file that holds the request's body, byte for byte; `-` is standard input.
    #[arg(long)]
    body: PathBuf,
    /// The request's method.
    #[arg(long, default_value = "POST")]
    method: Method,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Ends with 0 if the request is accepted, 1 if it is refused, 2 for wrong usage.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    match check(args) {
        Ok(code) => Ok(code),
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            Ok(ExitCode::from(WRONG_USAGE))
        }
    }
}

fn check(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let chosen = args.scheme.choose()?;
    let verifier = chosen.verifier()?;
    let (headers, body) = (args.headers.map(), read_body(&args.body)?);
    let request = Request {
        method: &args.method,
        url: chosen.settings.url.as_deref().unwrap_or("/"),
        headers: &headers,
        body: &body,
    };
    let now = args.scheme.now();
    let mut out = std::io::stdout().lock();
    match verifier.verify(&request, now) {
        Ok(accepted) => {
            show_accepted(&mut out, accepted, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(rejection) => {
            let hints = hints(&chosen, &request, now, &rejection);
            show_rejection(&mut out, &rejection, &hints, args.json)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn hints(
    chosen: &Chosen,
    request: &Request<'_>,
    now: UnixMillis,
    rejection: &Rejection,
) -> Vec<String> {
    let make = |settings| build(&chosen.scheme, settings).ok();
    explain(&make, &chosen.settings, request, now, rejection)
}

fn show_accepted(out: &mut impl Write, accepted: Accepted, json: bool) -> std::io::Result<()> {
    let secret = accepted.secret;
    let events = accepted.events.into_inner();
    if json {
        let events: Vec<_> = events.iter().map(event_json).collect();
        let verdict =
            json!({ "verdict": "accepted", "reason": null, "secret": secret, "events": events });
        return writeln!(out, "{verdict}");
    }
    writeln!(out, "accepted, by secret {}", secret + 1)?;
    for event in events {
        let id = event.provider_id.as_deref().unwrap_or("(no id)");
        writeln!(out, "  {}  {id}", event.kind)?;
    }
    Ok(())
}

fn event_json(event: &ProviderEvent) -> Value {
    json!({
        "id": event.provider_id,
        "kind": event.kind,
        "created": event.created.map(|millis| millis / 1000),
        "account": event.account,
    })
}

fn show_rejection(
    out: &mut impl Write,
    rejection: &Rejection,
    hints: &[String],
    json: bool,
) -> std::io::Result<()> {
    if json {
        let verdict = json!({
            "verdict": "rejected",
            "code": rejection.code(),
            "reason": rejection.to_string(),
            "hints": hints,
            "secret": null,
            "events": [],
        });
        return writeln!(out, "{verdict}");
    }
    writeln!(out, "refused: {rejection}")?;
    hints.iter().try_for_each(|hint| writeln!(out, "  {hint}"))
}
