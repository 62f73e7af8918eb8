//! The history of a delivery as text: interventions, attempts, logs, requests.

use std::io::{self, Write};

use tollgate_ledger::{AttemptView, Blocker, DeliveryDetail, RequestView};

use super::output::{printable, utc};

/// Writes a delivery with its interventions and attempts.
pub(super) fn write_history(out: &mut dyn Write, detail: &DeliveryDetail) -> io::Result<()> {
    let delivery = &detail.delivery;
    let mut line = format!(
        "delivery {} to {}: {}",
        delivery.seq, delivery.handler, delivery.state
    );
    if let Some(due) = delivery.due_ms {
        line.push_str(&format!(", due {}", utc(due)));
    }
    if let Some(blocker) = &delivery.blocked_by {
        line.push_str(&format!(", {}", blocked_by(blocker)));
    }
    if let Some(finished) = delivery.finished_ms {
        line.push_str(&format!(" since {}", utc(finished)));
    }
    if delivery.crashes > 0 {
        line.push_str(&format!(
            ", under way at {} crashes of the gateway",
            delivery.crashes
        ));
    }
    writeln!(out, "{}", printable(&line))?;
    for intervention in &detail.interventions {
        let of = match (intervention.request, &intervention.scheduled) {
            (Some(request), _) => format!(" of request {request}"),
            (None, Some(key)) => format!(" of the scheduled event {key}"),
            (None, None) => String::new(),
        };
        let mut line = format!(
            "{}{of} at {} by {}",
            intervention.action,
            utc(intervention.at_ms),
            intervention.who
        );
        if let Some(why) = &intervention.why {
            line.push_str(&format!(": {why}"));
        }
        writeln!(out, "  {}", printable(&line))?;
    }
    detail
        .tried
        .iter()
        .try_for_each(|attempt| write_attempt(out, attempt))
}

fn write_attempt(out: &mut dyn Write, attempt: &AttemptView) -> io::Result<()> {
    let mut line = format!("attempt {}", attempt.number);
    if attempt.run > 0 {
        line.push_str(&format!(" of run {}", attempt.run));
    }
    line.push_str(&format!(
        " at {}, {:.1} ms: {}",
        utc(attempt.started_ms),
        attempt.duration_us as f64 / 1000.0,
        attempt.outcome
    ));
    if let Some(detail) = &attempt.detail {
        line.push_str(&format!(": {detail}"));
    }
    writeln!(out, "  {}", printable(&line))?;
    if let Some(component) = &attempt.component {
        writeln!(out, "    component {component}")?;
    }
    for log in &attempt.logs {
        writeln!(out, "    log {}", printable(&log.to_string()))?;
    }
    for request in &attempt.requests {
        writeln!(out, "    request {}", printable(&request_line(request)))?;
    }
    for emitted in &attempt.emitted {
        let line = format!("{} {}", emitted.id, emitted.kind);
        writeln!(out, "    emitted {}", printable(&line))?;
    }
    Ok(())
}

fn request_line(request: &RequestView) -> String {
    let mut line = format!(
        "{} {} {}: {} after {} tries",
        request.seq, request.method, request.url, request.state, request.tries
    );
    if let Some(status) = request.status {
        line.push_str(&format!(", answered {status}"));
    }
    if let Some(error) = &request.error {
        line.push_str(&format!(", {error}"));
    }
    line
}

/// The reason why a delivery does not run yet.
pub(super) fn blocked_by(blocker: &Blocker) -> String {
    format!("blocked by {}, which is {}", blocker.seq, blocker.state)
}
