//! `tollgate verify`: whether the gateway would accept a captured request, and why not.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde_json::{Value, json};
use tollgate_base::time::WallTime;
use tollgate_scheme::{Accepted, Answer, ProviderEvent, Rejection, Request, Verifier, explain};

use super::exit::Exit;
use super::output::{json_out, print_error, text_out};
use super::request::{CapturedFile, CapturedMessage, MessageArgs, SchemeArgs, SchemeSetup};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    message: MessageArgs,
    /// The method of the request.
    #[arg(long, default_value = "POST")]
    method: Method,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 0 means accepted, 1 refused, 2 wrong arguments.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    match check(args) {
        Ok(code) => Ok(code),
        Err(error) => {
            print_error(error);
            Ok(Exit::NotTried.into())
        }
    }
}

fn check(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let capture = args.message.capture()?;
    let source = capture.as_ref().and_then(CapturedFile::source);
    let mut setup = args.scheme.setup_or(source)?;
    let verifier = setup.verifier()?;
    let message = match &capture {
        Some(capture) => {
            capture.check_whole()?;
            capture.message(&setup.settings.secrets)?
        }
        None => CapturedMessage {
            method: args.method.clone(),
            target: args.scheme.url(&setup).to_owned(),
            headers: args.message.headers(),
            body: args.message.body()?,
        },
    };
    let request = Request {
        method: &message.method,
        url: args.scheme.posted_url().unwrap_or(&message.target),
        headers: &message.headers,
        body: &message.body,
    };
    // A signature of a capture counts as of the time at which the request came.
    let received = capture.as_ref().map(CapturedFile::received);
    let now = args.scheme.said_now().or(received);
    let now = now.unwrap_or_else(|| args.scheme.now());
    let verification = verify(&setup, &verifier, &request, now);
    if args.json {
        writeln!(json_out(), "{}", verification.json())?;
    } else {
        verification.write_text(&mut text_out())?;
    }
    Ok(match verification {
        Verification::Rejected { .. } => ExitCode::FAILURE,
        Verification::Accepted(_) | Verification::Challenge(_) => ExitCode::SUCCESS,
    })
}

/// The gateway's answer to a request.
enum Verification {
    /// The request carries events.
    Accepted(Accepted),
    /// The request only checks who owns the endpoint, and gets this answer.
    Challenge(Answer),
    /// The gateway refuses the request.
    Rejected {
        /// The reason as one word, as in metrics.
        code: &'static str,
        reason: String,
        hints: Vec<String>,
    },
}

/// Verifies a request with the same steps as the gateway, in the same order.
fn verify(
    setup: &SchemeSetup,
    verifier: &Verifier,
    request: &Request<'_>,
    now: WallTime,
) -> Verification {
    if let Some(answer) = verifier.challenge(request, now) {
        return Verification::Challenge(answer);
    }
    let methods = verifier.methods();
    if !methods.contains(request.method) {
        let used: Vec<_> = methods.iter().map(Method::as_str).collect();
        return Verification::Rejected {
            code: "method",
            reason: format!(
                "the method is {}; `{}` takes {}",
                request.method,
                setup.scheme,
                used.join(" and ")
            ),
            hints: Vec::new(),
        };
    }
    match verifier.verify(request, now) {
        Ok(accepted) => Verification::Accepted(accepted),
        Err(rejection) => Verification::Rejected {
            code: rejection.code(),
            reason: rejection.to_string(),
            hints: hints(setup, request, now, &rejection),
        },
    }
}

/// Texts that help to find the cause of a rejection.
fn hints(
    setup: &SchemeSetup,
    request: &Request<'_>,
    now: WallTime,
    rejection: &Rejection,
) -> Vec<String> {
    let make = |settings| setup.build(settings).ok();
    explain(&make, &setup.settings, request, now, rejection)
}

impl Verification {
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

    fn write_text(&self, out: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::Accepted(accepted) => {
                match accepted.secret {
                    Some(secret) => writeln!(out, "accepted, by secret {}", secret + 1)?,
                    None => writeln!(out, "accepted")?,
                }
                accepted.events.get().iter().try_for_each(|event| {
                    let id = event.provider_id.as_deref().unwrap_or("(no id)");
                    writeln!(out, "  {}  {id}", event.kind)?;
                    let why = event.unreadable.iter();
                    why.into_iter()
                        .try_for_each(|why| writeln!(out, "    the signature is valid, but {why}"))
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
        "the provider only checks who owns the endpoint; the answer is `{}`",
        String::from_utf8_lossy(&answer.body)
    )
}

fn event_json(event: &ProviderEvent) -> Value {
    let mut shown = json!({
        "id": event.provider_id,
        "kind": event.kind,
        "created": event.created.map(WallTime::as_secs),
        "account": event.account,
    });
    if let Some(why) = &event.unreadable {
        shown["unreadable"] = json!({ "code": why.code(), "reason": why.to_string() });
    }
    shown
}
