//! Prints an event instead of posting it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_base::time::WallTime;
use tollgate_scheme::{ProviderEvent, SignedRequest};

use super::args::PrintForm;
use super::plan::{Item, Plan};
use super::target::Target;
use crate::cli::sign::show;

/// Prints the only event of the plan, as sent at `now`.
pub(super) fn print(
    target: &Target,
    plan: &Plan,
    form: PrintForm,
    now: WallTime,
) -> anyhow::Result<ExitCode> {
    let Item::Told(sample, _) = plan.get(0, now).context("there is no event")?? else {
        bail!("a capture is a file already");
    };
    let signed = target.sign(sample.unsigned(), now)?;
    // The text goes on to a file or to another program, byte for byte.
    let mut out = std::io::stdout().lock();
    match form {
        PrintForm::Body => out.write_all(&signed.body)?,
        PrintForm::Fixture => writeln!(out, "{}", fixture(target, &signed, now)?)?,
        PrintForm::Request => show(&mut out, &signed, true)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A fixture with the event as the gateway records it.
fn fixture(target: &Target, signed: &SignedRequest, now: WallTime) -> anyhow::Result<String> {
    let accepted = target.verifier.verify_signed(signed, "/", now)?;
    let event = accepted.events.into_inner().into_iter().next();
    let event = event.context("the request has no event")?;
    let source = target.source.as_deref().unwrap_or(&target.scheme);
    let known = known(&event, source);
    let payload = payload(&event)?;
    let lines: Vec<_> = known
        .into_iter()
        .map(|(name, value)| format!("    {}: {value}", Value::from(name)))
        .chain([format!("    \"payload\": {payload}")])
        .collect();
    Ok(format!(
        "{{\n  \"event\": {{\n{}\n  }},\n  \"expect\": {{ \"outcome\": \"done\" }}\n}}",
        lines.join(",\n")
    ))
}

/// What a fixture says of an event beside its payload.
fn known(event: &ProviderEvent, source: &str) -> Vec<(&'static str, Value)> {
    let created = event.created.map(WallTime::as_millis);
    let all = [
        ("kind", json!(event.kind)),
        ("source", json!(source)),
        ("provider_id", json!(event.provider_id)),
        ("subject", json!(event.subject)),
        ("account", json!(event.account)),
        ("created_ms", json!(created)),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// The payload as JSON: as it is, or as a string.
fn payload(event: &ProviderEvent) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&event.payload);
    let is_object = text.trim_start().starts_with('{');
    let raw = serde_json::from_str::<&RawValue>(&text)
        .ok()
        .filter(|_| is_object);
    Ok(match raw {
        Some(raw) => raw.get().to_owned(),
        None => serde_json::to_string(&text)?,
    })
}
