//! `tollgate capture`: writes the requests that come to a source into files.

mod folder;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use self::folder::CaptureFolder;
use super::arguments;
use super::gateway::{AnswerError, Client, GatewayArgs, operator};
use super::output::{counted, json_out, print_error, printable, text_out, time};
use crate::api::CaptureRequest;
use crate::capture::{Capture, CaptureEnd, CaptureLine, EndReason};

#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Only requests to this source; `-` for paths that no source has.
    #[arg(long)]
    source: Option<String>,
    /// Only requests that the gateway refuses.
    #[arg(long)]
    rejected: bool,
    /// Replace the values of bodies, queries and headers, so that a capture names nobody. The
    /// signature of such a capture cannot hold any more.
    #[arg(long)]
    redact: bool,
    /// The number of requests after which the command ends.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// How long the command runs, such as `90s`: an hour at most.
    #[arg(long = "for", value_name = "DURATION", default_value = "5m", value_parser = arguments::duration)]
    duration: Duration,
    /// The folder for the files. It is made if it is not there.
    #[arg(long, default_value = "captures")]
    out: PathBuf,
    /// The reason, for the gateway's log.
    #[arg(long)]
    why: Option<String>,
    /// Print a JSON object for each request.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 1 means that the capture broke off.
pub(super) fn run(args: &CaptureArgs) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let folder = CaptureFolder::open(&args.out)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(capture(args, &client, &folder))
}

async fn capture(
    args: &CaptureArgs,
    client: &Client,
    folder: &CaptureFolder,
) -> anyhow::Result<ExitCode> {
    let asked = CaptureRequest {
        source: args.source.clone(),
        rejected: args.rejected,
        redact: args.redact,
        limit: args.limit,
        seconds: args.duration.as_secs(),
        who: Some(operator()),
        why: args.why.clone(),
    };
    let body = serde_json::to_value(&asked)?;
    let mut lines = client.lines("/api/capture", &body).await?;
    if !args.json {
        // Whoever posts a request now may rely on the capture.
        let told = format!("capturing into {}", args.out.display());
        print_error(told);
    }
    while let Some(line) = lines.next().await? {
        match serde_json::from_slice(&line).map_err(AnswerError::from) {
            Ok(CaptureLine::Capture(capture)) => {
                let path = folder.write(&capture)?;
                show(args.json, &capture, &path.display().to_string())?;
            }
            Ok(CaptureLine::End(end)) => return Ok(ended(&end)),
            Err(source) => return Err(client.invalid(source).into()),
        }
    }
    print_error("the capture broke off");
    Ok(ExitCode::FAILURE)
}

fn show(json: bool, capture: &Capture, file: &str) -> std::io::Result<()> {
    let Capture {
        request, answer, ..
    } = capture;
    let kinds: Vec<_> = capture.events().map(|event| &event.kind).collect();
    if json {
        let line = json!({
            "file": file,
            "source": request.source,
            "received_ms": request.received_ms,
            "status": answer.status,
            "code": answer.code,
            "reason": answer.reason,
            "kinds": kinds,
            "recorded": answer.recorded,
        });
        return writeln!(json_out(), "{line}");
    }
    let mut out = text_out();
    let source = request.source.as_deref().unwrap_or("-");
    let kinds = kinds.into_iter().map(String::as_str).collect::<Vec<_>>();
    let what = match &answer.reason {
        Some(reason) => printable(reason).into_owned(),
        None => printable(&kinds.join(", ")).into_owned(),
    };
    let at = time(request.received_ms);
    writeln!(
        out,
        "{at}  {source}  {}  {what}  {}",
        answer.status,
        printable(file)
    )?;
    out.flush()
}

/// Tells how the capture ended.
fn ended(end: &CaptureEnd) -> ExitCode {
    let many = counted(end.captured as usize, "request");
    let why = match end.why {
        EndReason::Limit => "",
        EndReason::Time => "; the time is over",
        EndReason::Shutdown => "; the gateway ends",
    };
    let lost = match end.dropped {
        0 => String::new(),
        dropped => format!("; {dropped} came too fast and are left out"),
    };
    print_error(format!("{many}{lost}{why}"));
    match end.why {
        EndReason::Limit | EndReason::Time => ExitCode::SUCCESS,
        EndReason::Shutdown => ExitCode::FAILURE,
    }
}
