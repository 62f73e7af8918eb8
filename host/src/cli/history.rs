//! The history of a delivery as text: interventions, attempts, logs, requests.

use std::io::{self, Write};

use serde_json::Value;
use tollgate_ledger::{
    AttemptView, Blocker, DeliveryDetail, ExchangeView, RequestView, ResolvingView,
};

use super::output::{printable, time};

/// Writes a delivery with its interventions and attempts.
pub(super) fn write_history(out: &mut dyn Write, detail: &DeliveryDetail) -> io::Result<()> {
    let delivery = &detail.delivery;
    let mut line = format!(
        "delivery {} to {}: {}",
        delivery.seq, delivery.handler, delivery.state
    );
    if let Some(due) = delivery.due_ms {
        line.push_str(&format!(", due {}", time(due)));
    }
    if let Some(blocker) = &delivery.blocked_by {
        line.push_str(&format!(", {}", blocked_by(blocker)));
    }
    if let Some(waits_for) = &delivery.waits_for {
        line.push_str(&format!(", {}", waits_for_object(waits_for)));
    }
    if let Some(finished) = delivery.finished_ms {
        line.push_str(&format!(" since {}", time(finished)));
    }
    if delivery.crashes > 0 {
        let crashes = match delivery.crashes {
            1 => "1 crash".to_owned(),
            many => format!("{many} crashes"),
        };
        line.push_str(&format!(", under way at {crashes} of the gateway"));
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
            time(intervention.at_ms),
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

/// What an event that is not resolved yet waits for, in words.
pub(super) fn waits_for_object(waits: &ResolvingView) -> String {
    let mut words = format!("waits for its object since {}", time(waits.since_ms));
    if let Some(error) = &waits.error {
        let tries = match waits.tries {
            1 => "1 try".to_owned(),
            many => format!("{many} tries"),
        };
        words.push_str(&format!(
            ", {tries}, next at {}: {error}",
            time(waits.due_ms)
        ));
    }
    if waits.to_mend {
        words.push_str("; an operator has to mend this");
    }
    words
}

fn write_attempt(out: &mut dyn Write, attempt: &AttemptView) -> io::Result<()> {
    let mut line = format!("attempt {}", attempt.number);
    if attempt.run > 0 {
        line.push_str(&format!(" of run {}", attempt.run));
    }
    line.push_str(&format!(
        " at {}, {:.1} ms: {}",
        time(attempt.started_ms),
        attempt.duration_us as f64 / 1000.0,
        attempt.outcome
    ));
    if let Some(detail) = &attempt.detail {
        line.push_str(&format!(": {detail}"));
    }
    write_lines(out, "  ", &line)?;
    if let Some(component) = &attempt.component {
        writeln!(out, "    component {component}")?;
    }
    for log in &attempt.logs {
        write_lines(out, "    log ", &log_line(log))?;
    }
    for request in &attempt.immediate {
        writeln!(out, "    asked {}", printable(&asked(request)))?;
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

/// Writes a text of several lines, such as a stack. All lines but the first are further in than
/// anything else here, so that a text cannot look like another entry.
fn write_lines(out: &mut dyn Write, before: &str, text: &str) -> io::Result<()> {
    let mut lines = text.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    writeln!(out, "{before}{}", printable(first))?;
    for line in lines {
        writeln!(out, "          {}", printable(line))?;
    }
    Ok(())
}

fn asked(request: &ExchangeView) -> String {
    let end = match (request.status, &request.error) {
        (Some(status), _) => format!("answered {status}, {} bytes", request.bytes),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    };
    let recorded = match request.recorded {
        true => " (a recorded answer)",
        false => "",
    };
    format!(
        "{} {}: {end} after {:.1} ms{recorded}",
        request.method,
        request.url,
        request.duration_us as f64 / 1000.0
    )
}

fn request_line(request: &RequestView) -> String {
    let mut line = format!(
        "{} {} {}: {} after {}",
        request.seq,
        request.method,
        request.url,
        request.state,
        tries(request.tries)
    );
    if let Some(status) = request.status {
        line.push_str(&format!(", answered {status}"));
    }
    if let Some(error) = &request.error {
        line.push_str(&format!(", {error}"));
    }
    line
}

/// A line of a handler's log: its level, its message, and its fields as `name=value`.
fn log_line(log: &Value) -> String {
    let text = |key: &str| log[key].as_str();
    let (Some(level), Some(message)) = (text("level"), text("message")) else {
        return log.to_string();
    };
    let mut line = format!("{level}: {}", message.trim_end());
    for field in log["fields"].as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (field[0].as_str(), field[1].as_str()) {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    line
}

/// `1 try`, `2 tries`.
pub(super) fn tries(number: u32) -> String {
    match number {
        1 => "1 try".to_owned(),
        many => format!("{many} tries"),
    }
}

/// The reason why a delivery does not run yet.
pub(super) fn blocked_by(blocker: &Blocker) -> String {
    format!("blocked by {}, which is {}", blocker.seq, blocker.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_of_a_log_is_text() {
        let line = json!({
            "level": "info",
            "message": "refund noted",
            "fields": [["charge", "ch_1"], ["amount", "500"]],
        });
        assert_eq!(log_line(&line), "info: refund noted charge=ch_1 amount=500");
        assert_eq!(
            log_line(&json!({ "level": "warn", "message": "a\n" })),
            "warn: a"
        );
        assert_eq!(log_line(&json!("other")), "\"other\"");
    }

    #[test]
    fn a_stack_keeps_its_lines() {
        let mut out = Vec::new();
        write_lines(
            &mut out,
            "    log ",
            "error: no stock\n  at a:1\u{1b}\n  log x\n\n",
        )
        .unwrap();
        let expected = "    log error: no stock\n            at a:1\u{fffd}\n            log x\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn one_try_is_no_tries() {
        assert_eq!([0, 1, 2].map(tries), ["0 tries", "1 try", "2 tries"]);
    }
}
