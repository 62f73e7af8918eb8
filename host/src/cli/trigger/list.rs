//! `tollgate trigger --list`.

use std::io::Write;

use anyhow::bail;
use serde_json::{Value, json};
use tollgate_events::{events, schemes, stories, versions};

use super::args::TriggerArgs;
use super::target::Target;
use crate::cli::output::{json_out, text_out, write_rows};

/// Lists the events and the scenarios of all schemes, or of one.
pub(super) fn list(args: &TriggerArgs) -> anyhow::Result<()> {
    let is_named = args.scheme.source().is_some() || args.scheme.scheme().is_some();
    let listed: Vec<&str> = match is_named {
        true => vec![scheme_of(args)?],
        false => schemes().collect(),
    };
    if args.json {
        let all: Vec<Value> = listed.into_iter().map(as_json).collect();
        writeln!(json_out(), "{:#}", Value::from(all))?;
        return Ok(());
    }
    let mut out = text_out();
    for (at, scheme) in listed.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let rows = events(scheme)
            .into_iter()
            .map(|event| [event.name, event.about.to_owned()]);
        write_rows(&mut out, [scheme, ""], rows)?;
        for (name, about) in stories(scheme) {
            writeln!(out, "--scenario {name}: {about}")?;
        }
        if let [newest, older @ ..] = versions(scheme) {
            let older = older.join(", ");
            writeln!(out, "--api-version {newest} (the default), {older}")?;
        }
    }
    Ok(())
}

/// The scheme that the arguments name, or the scheme of the source that they name.
pub(super) fn scheme_of(args: &TriggerArgs) -> anyhow::Result<&'static str> {
    let scheme = match (args.scheme.source(), args.scheme.scheme()) {
        (Some(source), _) => Target::scheme_of(args, source)?,
        (None, Some(scheme)) => scheme.to_owned(),
        (None, None) => bail!("name a `--source` of the manifest or a `--scheme`"),
    };
    tollgate_events::Story::new(&scheme, 0)?;
    let found = schemes().find(|known| *known == scheme);
    Ok(found.unwrap_or_default())
}

fn as_json(scheme: &str) -> Value {
    let events: Vec<Value> = events(scheme)
        .into_iter()
        .map(|event| json!({ "name": event.name, "about": event.about }))
        .collect();
    let stories: Vec<Value> = stories(scheme)
        .map(|(name, about)| json!({ "name": name, "about": about }))
        .collect();
    json!({
        "scheme": scheme,
        "events": events,
        "scenarios": stories,
        "api_versions": versions(scheme),
    })
}
