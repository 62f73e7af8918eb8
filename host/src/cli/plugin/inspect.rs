//! `tollgate plugin inspect`: shows what is in the file of a component.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value as Json, json};
use tollgate_base::event::ComponentDigest;
use tollgate_base::files::read_regular;
use tollgate_base::origin::Origin;
use tollgate_component::{Facts, Feature, unusual};
use tollgate_sandbox::{Grant, Guest, MAX_MEMORY, StateSource};
use tollgate_toolkit::help_for_module;

use super::debugging::DebugArgs;
use super::trial::{Failure, SettingsIn, Trial};
use crate::cli::output::{counted, print, printable};
use crate::generation::fixtures;
use crate::manifest;
use crate::settings::Handler;

/// The most bytes of a file.
const MAX_SIZE: usize = 512 << 20;

/// The name of immediate requests among the interfaces.
const HTTP: &str = "http";

/// The interfaces that need something in the manifest, and what.
const GRANTS: [(&str, &str); 6] = [
    (
        HTTP,
        "`[[handlers.NAME.allow]]` with `immediate = true` for each origin that it asks while it \
         runs",
    ),
    (
        "outbox",
        "`[[handlers.NAME.allow]]` with the origins that it sends requests to",
    ),
    (
        "config",
        "`config` of the handler, if it has keys that it cannot do without",
    ),
    (
        "emit",
        "routes with the source `handler:NAME`, if other handlers shall get its events",
    ),
    ("resolved", "`resolve` of the source, for thin events"),
    (
        "state",
        "nothing; its state is kept under the handler's name",
    ),
];

/// The arguments of `plugin inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The file: a component or a core module.
    file: PathBuf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found in a file.
struct Inspected {
    digest: ComponentDigest,
    size: usize,
    facts: Facts,
    /// What the file needs that handlers cannot have.
    features: Vec<Feature>,
    /// Why the gateway would not take the file.
    refused: Option<Failure>,
    /// How long the file took to compile and load.
    compiled: Duration,
    /// The bytes of memory after an event that the handler does not know.
    memory: Option<usize>,
}

/// Runs the command. Exit code 1 means that the gateway would not take the file.
pub(super) fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let path = args.file.display().to_string();
    let bytes = read_regular(&args.file, MAX_SIZE).with_context(|| path.clone())?;
    let facts = Facts::read(&bytes).with_context(|| path.clone())?;
    let inspected = inspect(&bytes, facts)?;
    let refused = inspected.refused.is_some();
    print(args.json, &as_json(&inspected), |out| {
        write(out, &path, &inspected)
    })?;
    Ok(match refused {
        false => ExitCode::SUCCESS,
        true => ExitCode::FAILURE,
    })
}

fn inspect(bytes: &[u8], facts: Facts) -> anyhow::Result<Inspected> {
    let mut inspected = Inspected {
        digest: ComponentDigest::of(bytes),
        size: bytes.len(),
        features: unusual(bytes),
        refused: None,
        compiled: Duration::ZERO,
        memory: None,
        facts,
    };
    if let Some((what, help)) = help_for_module(&inspected.facts) {
        let help = Some(help);
        inspected.refused = Some(Failure { what, help });
        return Ok(inspected);
    }
    let handler = roomy_handler();
    let started = Instant::now();
    let loaded = Trial::load(
        bytes,
        &handler,
        SettingsIn::Manifest(None),
        None,
        &DebugArgs::default(),
    )?;
    inspected.compiled = started.elapsed();
    match loaded {
        Err(failure) => inspected.refused = Some(failure),
        Ok(trial) => {
            let blank = fixtures::blank_delivery(&handler);
            let run = trial.run(&blank, &|| StateSource::Given(Arc::default()).into())?;
            inspected.memory = Some(run.memory);
        }
    }
    Ok(inspected)
}

/// A handler with the highest limit on memory, and a grant of immediate requests. Its run sends
/// nothing.
fn roomy_handler() -> Arc<Handler> {
    let handler = manifest::default_handler("inspected");
    let mut guest = Guest::clone(&handler.guest);
    guest.limits.memory = MAX_MEMORY;
    guest.grants.push(Grant {
        origin: Origin {
            https: true,
            host: "inspected.invalid".to_owned(),
            port: 443,
        },
        headers: Vec::new(),
        immediate: true,
    });
    Arc::new(Handler {
        guest: Arc::new(guest),
        ..handler
    })
}

/// The interfaces of `tollgate:handler` that a file imports, and `wasi:http`.
fn interfaces(facts: &Facts) -> Vec<&str> {
    let names = facts.imports.iter().filter_map(|import| {
        let asks = ["wasi:http/outgoing-handler", "tollgate:ask/http"];
        if asks.iter().any(|start| import.module.starts_with(start)) {
            return Some(HTTP);
        }
        let name = import.module.strip_prefix("tollgate:handler/")?;
        Some(name.split('@').next().unwrap_or(name))
    });
    let mut names: Vec<_> = names.filter(|name| *name != "types").collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The version of the interface that a file was built against.
fn version(facts: &Facts) -> Option<&str> {
    let mut versions = facts.imports.iter().filter_map(|import| {
        let name = import.module.strip_prefix("tollgate:handler/")?;
        name.split_once('@').map(|(_, version)| version)
    });
    versions.next()
}

fn grants(facts: &Facts) -> Vec<(&'static str, &'static str)> {
    let used = interfaces(facts);
    let wanted = |(name, _): &(&str, &str)| used.contains(name);
    GRANTS.into_iter().filter(wanted).collect()
}

fn write(out: &mut dyn Write, path: &str, inspected: &Inspected) -> io::Result<()> {
    let facts = &inspected.facts;
    let kind = if facts.component {
        "a component"
    } else {
        "a core module"
    };
    let size = kib(inspected.size as u64);
    writeln!(out, "{}  {kind}, {size}", printable(path))?;
    writeln!(out, "  sha256     {}", inspected.digest)?;
    write_interface(out, facts)?;
    write_parts(out, facts)?;
    if let Some(memory) = inspected.memory {
        let compiled = inspected.compiled.as_secs_f64();
        writeln!(out, "  compiles   in {compiled:.1} s")?;
        writeln!(
            out,
            "  memory     {} for an event that it does not know",
            kib(memory as u64)
        )?;
    }
    for (name, grant) in grants(facts) {
        writeln!(out, "  {name:<9}  needs {grant}")?;
    }
    for feature in &inspected.features {
        writeln!(
            out,
            "  needs {}\n    instead: {}",
            feature.name, feature.instead
        )?;
    }
    match &inspected.refused {
        None => writeln!(out, "the gateway takes it"),
        Some(Failure { what, help }) => {
            writeln!(out, "the gateway does not take it: {}", printable(what))?;
            match help {
                Some(help) => writeln!(out, "  help: {help}"),
                None => Ok(()),
            }
        }
    }
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// Writes what a file imports.
fn write_interface(out: &mut dyn Write, facts: &Facts) -> io::Result<()> {
    match version(facts) {
        Some(version) => writeln!(out, "  interface  tollgate:handler@{version}")?,
        None => writeln!(out, "  interface  imports nothing of tollgate:handler")?,
    }
    writeln!(
        out,
        "  uses       {}",
        or_none(&interfaces(facts).join(", "))
    )?;
    let imports = facts.imports.iter().filter(|import| !import.is_type);
    let others = imports.filter(|import| !import.module.starts_with("tollgate:"));
    let others = others.map(|import| match &*import.name {
        "" => import.module.clone(),
        name => format!("{}.{name}", import.module),
    });
    let others: Vec<_> = others.collect();
    match others.is_empty() {
        true => Ok(()),
        false => writeln!(out, "  imports    {}", printable(&others.join(", "))),
    }
}

/// Writes what a file consists of, and what made it.
fn write_parts(out: &mut dyn Write, facts: &Facts) -> io::Result<()> {
    let (code, data, notes) = (kib(facts.code), kib(facts.data), kib(facts.custom));
    let modules = counted(facts.modules, "core module");
    let parts = format!("{code} of code, {data} of data, {notes} of notes, in {modules}");
    writeln!(out, "  parts      {parts}")?;
    let made: Vec<_> = facts.producers.iter().map(String::as_str).collect();
    writeln!(
        out,
        "  made by    {}",
        or_none(&printable(&made.join(", ")))
    )
}

fn or_none(text: &str) -> &str {
    match text {
        "" => "nothing",
        text => text,
    }
}

fn as_json(inspected: &Inspected) -> Json {
    let facts = &inspected.facts;
    let features = inspected.features.iter();
    let features = features.map(|one| json!({ "name": one.name, "instead": one.instead }));
    let grants = grants(facts).into_iter();
    let imports = facts.imports.iter().filter(|import| !import.is_type);
    let refused = inspected.refused.as_ref();
    json!({
        "sha256": inspected.digest.to_string(),
        "bytes": inspected.size,
        "component": facts.component,
        "interface": version(facts),
        "uses": interfaces(facts),
        "imports": imports
            .map(|import| json!({ "module": import.module, "name": import.name }))
            .collect::<Vec<_>>(),
        "exports": facts.exports,
        "core_modules": facts.modules,
        "code_bytes": facts.code,
        "data_bytes": facts.data,
        "note_bytes": facts.custom,
        "least_memory_bytes": facts.memory,
        "memory_bytes": inspected.memory,
        "made_by": facts.producers,
        "compile_seconds": inspected.memory.map(|_| inspected.compiled.as_secs_f64()),
        "grants": grants.map(|(name, grant)| (name, Json::from(grant)))
            .collect::<std::collections::BTreeMap<_, _>>(),
        "unsupported": features.collect::<Vec<_>>(),
        "refused": refused.map(|failure| failure.what.clone()),
        "help": refused.and_then(|failure| failure.help.clone()),
    })
}
