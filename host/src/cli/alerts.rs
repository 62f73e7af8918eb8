//! `tollgate alerts`: what the gateway tells by itself.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use tollgate_ledger::RequestView;

use super::gateway::GatewayArgs;
use super::output::{or_dash, print, short_id, time, write_list};
use crate::api::{AlertView, Alerts, NoticeView};

#[derive(Debug, Args)]
pub(super) struct AlertsArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows the alerts that last, and the last notices about alerts.
pub(super) fn run(args: &AlertsArgs) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let alerts: Alerts = client.get("/api/alerts", &[])?;
    print(args.json, &alerts, |out| write(out, &alerts))
}

fn write(out: &mut dyn Write, alerts: &Alerts) -> io::Result<()> {
    let head = ["since", "severity", "alert", "text"];
    write_list(out, &alerts.lasting, "no alert lasts", head, lasting)?;
    if alerts.notices.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let head = ["queued", "receiver", "state", "tries", "answer", "event"];
    write_list(out, &alerts.notices, "", head, notice)
}

fn lasting(alert: &AlertView) -> [String; 4] {
    let about = &alert.about;
    [
        time(alert.since_ms),
        about.severity.clone(),
        about.alert.clone(),
        about.text.clone(),
    ]
}

fn notice(notice: &NoticeView) -> [String; 6] {
    let request = &notice.request.request;
    [
        time(request.queued_ms),
        notice.receiver.clone(),
        request.state.clone(),
        request.tries.to_string(),
        answer(request),
        short_id(&notice.request.event),
    ]
}

/// The status of the last answer, or why there is none.
fn answer(request: &RequestView) -> String {
    match (request.status, &request.error) {
        (Some(status), _) => status.to_string(),
        (None, error) => or_dash(error.as_ref()),
    }
}
