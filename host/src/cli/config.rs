//! `tollgate config`: the manifest as the gateway understands it, and its schema for editors.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_base::files::read_regular_text;

use super::environment::environment;
use super::output::{json_out, text_out, write_rows};
use crate::generation::read_manifest;
use crate::manifest::{MAX_SIZE, Origin, Origins, json_schema};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print a JSON Schema of the manifest, for editors.
    Schema,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// Print a JSON object: `manifest` has the settings, and `from` where each comes from. What is
    /// not in `from` is a default.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(ConfigCommand::Schema) => writeln!(json_out(), "{:#}", json_schema())?,
        None => show(&args.show)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints every setting with its value, also those that the manifest leaves out, and where the
/// value comes from. Secrets are masked.
fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let manifest = read_manifest(&args.manifest, &environment())?.manifest;
    let text = read_regular_text(&args.manifest, MAX_SIZE);
    let text = text.with_context(|| args.manifest.display().to_string())?;
    let shown = manifest.shown();
    let mut settings = Vec::new();
    each(&shown, &mut Vec::new(), &Origins::of(text), &mut settings);
    if args.json {
        let from = settings.iter();
        let from = from.filter_map(|setting| Some((&setting.path, setting.origin.as_ref()?)));
        let from: BTreeMap<_, _> = from.collect();
        let all = json!({ "manifest": shown, "from": from });
        writeln!(json_out(), "{all:#}")?;
        return Ok(());
    }
    let rows = settings.iter().map(|setting| {
        [
            setting.path.clone(),
            setting.value.to_string(),
            from(setting.origin.as_ref(), &args.manifest),
        ]
    });
    Ok(write_rows(
        &mut text_out(),
        ["setting", "value", "from"],
        rows,
    )?)
}

/// A setting with its value.
struct Setting {
    /// The path, with dots between its parts.
    path: String,
    value: Value,
    /// `None` for a default.
    origin: Option<Origin>,
}

/// Collects the settings below a value. A list without tables is one setting.
fn each(value: &Value, path: &mut Vec<String>, origins: &Origins, settings: &mut Vec<Setting>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(members) if !members.is_empty() => {
            let members = members.iter();
            members.map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            // A secret that is empty is left out. Then nobody knows which is which.
            let is_known = origins.items(path).is_none_or(|many| many == items.len());
            let name = |at: usize| match is_known {
                true => at.to_string(),
                false => "?".to_owned(),
            };
            let items = items.iter().enumerate();
            items.map(|(at, value)| (name(at), value)).collect()
        }
        _ => {
            settings.push(Setting {
                path: path.join("."),
                value: value.clone(),
                origin: origins.find(path),
            });
            return;
        }
    };
    for (key, value) in parts {
        path.push(key);
        each(value, path, origins, settings);
        path.pop();
    }
}

/// Where a value comes from, as a text.
fn from(origin: Option<&Origin>, manifest: &Path) -> String {
    let Some(origin) = origin else {
        return "default".to_owned();
    };
    let mut from = format!("{}:{}", manifest.display(), origin.line);
    for name in &origin.environment {
        from.push_str(&format!(", ${{{name}}}"));
    }
    if let Some(file) = &origin.file {
        from.push_str(&format!(", file {file}"));
    }
    from
}
