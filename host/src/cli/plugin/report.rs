//! Shows what a handler did with its fixtures.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;
use tollgate_ledger::{Due, Exchange, NewRequest, ScheduleWrite, StateWrite};
use tollgate_sandbox::{Run, TracedCall};

use super::trial::{Outcome, Trial};
use crate::cli::output::printable;
use crate::generation::fixtures::{Mismatch, Played};

/// The most characters of a body or a value that are shown.
const MAX_SHOWN: usize = 300;

/// Writes the fixtures that failed, with what differs.
pub(super) fn write_failures(
    out: &mut dyn Write,
    folder: &Path,
    trial: &Trial,
    outcomes: &[Outcome],
) -> io::Result<()> {
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
        writeln!(out, "{}", shown_path(folder, &outcome.path))?;
        match &outcome.played {
            Err(why) => writeln!(out, "  {}", printable(&why.to_string()))?,
            Ok(played) => {
                for played in played {
                    write_verdict(out, trial, played)?;
                }
            }
        }
    }
    Ok(())
}

/// Writes everything that the handler did with a fixture, and whether that is as expected.
pub(super) fn write_outcome(
    out: &mut dyn Write,
    folder: &Path,
    trial: &Trial,
    outcome: &Outcome,
) -> io::Result<()> {
    writeln!(out, "{}", shown_path(folder, &outcome.path))?;
    match &outcome.played {
        Err(why) => writeln!(out, "  {}", printable(&why.to_string())),
        Ok(played) => played.iter().try_for_each(|played| {
            write_run(out, &played.kind, &played.run)?;
            write_verdict(out, trial, played)
        }),
    }
}

fn shown_path(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    printable(&path.display().to_string()).into_owned()
}

/// Writes a call of the handler to the gateway.
fn write_call(out: &mut dyn Write, call: &TracedCall) -> io::Result<()> {
    let ms = call.at_us as f64 / 1000.0;
    let arguments = call.arguments.to_string();
    writeln!(out, "    {ms:>8.3} ms  {} {}", call.name, cut(&arguments))?;
    writeln!(out, "                 -> {}", cut(&call.result.to_string()))
}

/// Writes an immediate request with its answer.
fn write_exchange(out: &mut dyn Write, exchange: &Exchange) -> io::Result<()> {
    let end = match &exchange.answer {
        Ok(answer) => format!("{} {}", answer.status, shown_bytes(&answer.body)),
        Err(why) => why.to_string(),
    };
    let line = format!("{} {} -> {end}", exchange.method, exchange.url);
    writeln!(out, "    asked      {}", cut(&line))
}

/// Writes a request of the outbox.
fn write_request(out: &mut dyn Write, request: &NewRequest) -> io::Result<()> {
    let line = format!("{} {}", request.method, request.url);
    writeln!(out, "    outbox     {}", cut(&line))?;
    for (name, value) in &request.headers {
        writeln!(out, "               {}: {}", printable(name), cut(value))?;
    }
    match request.body.is_empty() {
        true => Ok(()),
        false => writeln!(out, "               {}", cut(&shown_bytes(&request.body))),
    }
}

/// Writes the outcome of a run, its effects and its log.
pub(super) fn write_run(out: &mut dyn Write, kind: &str, run: &Run) -> io::Result<()> {
    let (name, detail) = run.end.name_and_detail();
    let (time, memory) = (
        run.duration.as_secs_f64() * 1000.0,
        run.memory as f64 / 1048576.0,
    );
    writeln!(
        out,
        "  {} -> {name}   {time:.1} ms, {memory:.1} MiB",
        printable(kind)
    )?;
    if !detail.is_empty() {
        writeln!(out, "    reason     {}", cut(&detail))?;
    }
    for call in &run.trace {
        write_call(out, call)?;
    }
    for exchange in &run.exchanges {
        write_exchange(out, exchange)?;
    }
    for (key, write) in &run.effects.state {
        let write = match write {
            StateWrite::Set(value) => format!("= {}", shown_bytes(value)),
            StateWrite::Delete => "deleted".to_owned(),
            StateWrite::Add(delta) => format!("{delta:+}"),
        };
        writeln!(out, "    state      {} {}", printable(key), cut(&write))?;
    }
    for request in &run.effects.outbox {
        write_request(out, request)?;
    }
    for new in &run.effects.emitted {
        let event = &new.event;
        let payload = shown_bytes(&event.payload);
        writeln!(
            out,
            "    emitted    {} {}",
            printable(&event.kind),
            cut(&payload)
        )?;
    }
    for (key, write) in &run.effects.schedule {
        let write = match write {
            ScheduleWrite::Cancel => "cancelled".to_owned(),
            ScheduleWrite::Put(put) => format!(
                "= {} {} {}",
                put.kind,
                shown_due(put.due),
                shown_bytes(&put.payload)
            ),
        };
        writeln!(out, "    scheduled  {} {}", printable(key), cut(&write))?;
    }
    for line in run.logs.lines() {
        write_log(out, line)?;
    }
    Ok(())
}

fn shown_due(due: Due) -> String {
    match due {
        Due::After(delay) => format!("after {} ms", delay.as_millis()),
        Due::At(time) => format!("at {} ms", time.as_millis()),
    }
}

fn write_log(out: &mut dyn Write, line: &str) -> io::Result<()> {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let fields = line["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| {
        let part = |index: usize| field[index].as_str().unwrap_or_default();
        format!(" {}={}", part(0), part(1))
    });
    let fields: String = fields.collect();
    let level = line["level"].as_str().unwrap_or_default();
    let message = line["message"].as_str().unwrap_or_default().trim_end();
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    writeln!(out, "    log        {level} {}{}", cut(first), cut(&fields))?;
    for line in lines {
        writeln!(out, "               {}", cut(line))?;
    }
    Ok(())
}

/// Writes whether a step is as expected, and what differs.
fn write_verdict(out: &mut dyn Write, trial: &Trial, played: &Played) -> io::Result<()> {
    match &played.mismatches {
        None => writeln!(out, "    NO `expect`: --update writes one"),
        Some(mismatches) if mismatches.is_empty() => writeln!(out, "    as expected"),
        Some(mismatches) => {
            writeln!(out, "    FAILED")?;
            for Mismatch {
                what,
                expected,
                found,
            } in mismatches
            {
                let what = if what.is_empty() { "outcome" } else { what };
                writeln!(out, "      {}", printable(what))?;
                writeln!(out, "        expected {}", printable(expected))?;
                writeln!(out, "        found    {}", printable(found))?;
            }
            match trial.help(&played.run.end) {
                Some(help) => writeln!(out, "      help: {help}"),
                None => Ok(()),
            }
        }
    }
}

fn shown_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{} bytes that are no text", bytes.len()),
    }
}

fn cut(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
