//! `tollgate verify`: would a captured request be accepted, and if not, why not.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::request::{Chosen, HeaderArgs, SchemeArgs, WRONG_USAGE, read_body};
use tollgate_base::time::WallTime;
use tollgate_scheme::{Accepted, Answer, ProviderEvent, Rejection, Request, Verifier, explain};

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
    let mut chosen = args.scheme.choose()?;
    let verifier = chosen.verifier()?;
    let (headers, body) = (args.headers.map(), read_body(&args.body)?);
    let request = Request {
        method: &args.method,
        url: args.scheme.target(&chosen),
        headers: &headers,
        body: &body,
    };
    let now = args.scheme.now();
    let verdict = judge(&chosen, &verifier, &request, now);
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", verdict.json())?;
    } else {
        verdict.text(&mut out)?;
    }
    Ok(match verdict {
        Verdict::Rejected { .. } => ExitCode::FAILURE,
        Verdict::Accepted(_) | Verdict::Challenge(_) => ExitCode::SUCCESS,
    })
}

/// What the gateway would make of a request.
enum Verdict {
    /// It carries events.
    Accepted(Accepted),
    /// It only asks whether the endpoint is ours, and gets this answer.
    Challenge(Answer),
    /// It is refused: why, in a word to count by, and what helps.
    Rejected {
        code: &'static str,
        reason: String,
        hints: Vec<String>,
    },
}

/// Takes the steps that the gateway takes, in its order.
fn judge(chosen: &Chosen, verifier: &Verifier, request: &Request<'_>, now: WallTime) -> Verdict {
    if let Some(answer) = verifier.challenge(request, now) {
        return Verdict::Challenge(answer);
    }
    let methods = verifier.methods();
    if !methods.contains(request.method) {
        let used: Vec<_> = methods.iter().map(Method::as_str).collect();
        return Verdict::Rejected {
            code: "method",
            reason: format!(
                "the method is {}; `{}` takes {}",
                request.method,
                chosen.scheme,
                used.join(" and ")
            ),
            hints: Vec::new(),
        };
    }
    match verifier.verify(request, now) {
        Ok(accepted) => Verdict::Accepted(accepted),
        Err(rejection) => Verdict::Rejected {
            code: rejection.code(),
            reason: rejection.to_string(),
            hints: hints(chosen, request, now, &rejection),
        },
    }
}

fn hints(
    chosen: &Chosen,
    request: &Request<'_>,
    now: WallTime,
    rejection: &Rejection,
) -> Vec<String> {
    let make = |settings| chosen.build(settings).ok();
    explain(&make, &chosen.settings, request, now, rejection)
}

impl Verdict {
    fn json(&self) -> Value {
        match self {
            Self::Accepted(accepted) => {
                let events: Vec<_> = accepted.events.get().iter().map(event_json).collect();
                json!({
                    "verdict": "accepted",
                    "reason": null,
                    "secret": accepted.secret,
                    "events": events,
                })
            }
            Self::Challenge(answer) => json!({
                "verdict": "accepted",
                "reason": challenge(answer),
                "secret": null,
                "events": [],
            }),
            Self::Rejected {
                code,
                reason,
                hints,
            } => {
                let whole: Vec<_> = std::iter::once(reason).chain(hints).cloned().collect();
                json!({
                    "verdict": "rejected",
                    "code": code,
                    "reason": whole.join("; "),
                    "secret": null,
                    "events": [],
                })
            }
        }
    }

    fn text(&self, out: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::Accepted(accepted) => {
                match accepted.secret {
                    Some(secret) => writeln!(out, "accepted, by secret {}", secret + 1)?,
                    None => writeln!(out, "accepted")?,
                }
                accepted.events.get().iter().try_for_each(|event| {
                    let id = event.provider_id.as_deref().unwrap_or("(no id)");
                    writeln!(out, "  {}  {id}", event.kind)
                })
            }
            Self::Challenge(answer) => writeln!(out, "accepted: {}", challenge(answer)),
            Self::Rejected { reason, hints, .. } => {
                writeln!(out, "refused: {reason}")?;
                hints.iter().try_for_each(|hint| writeln!(out, "  {hint}"))
            }
        }
    }
}

fn challenge(answer: &Answer) -> String {
    format!(
        "it only asks whether the endpoint is yours, and is answered `{}`",
        String::from_utf8_lossy(&answer.body)
    )
}

fn event_json(event: &ProviderEvent) -> Value {
    json!({
        "id": event.provider_id,
        "kind": event.kind,
        "created": event.created.map(WallTime::as_secs),
        "account": event.account,
    })
}
