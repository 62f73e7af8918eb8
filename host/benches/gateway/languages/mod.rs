//! The same handler in each language: it parses the event and checks the amount.

mod compile;
mod holds;
mod project;
mod serve;

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow};
use tollgate::manifest;

use crate::contender::Process;
use crate::options::Options;
use crate::report::Report;
use compile::{Compiled, Runs};
use project::{Built, LANGUAGES};
use serve::Served;

const PART: &str = "languages";

/// The measurements of a language.
struct Row {
    built: Built,
    size: u64,
    compiled: Compiled,
    runs: Runs,
    served: Served,
}

/// Measures each language whose toolchain is there, then the memory of gateways with many handlers.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let express = Process::express(options)?;
    let mut rows = Vec::new();
    for language in &LANGUAGES {
        match Built::make(options, language) {
            Ok(built) => rows.push(row(options, built, express.as_ref())?),
            Err(error) => report.remark(format!("{} was left out: {error:#}", language.name)),
        }
        eprintln!("  {}", language.name);
    }
    for row in &rows {
        figures(report, row);
    }
    report.remark(table(&rows));
    // The rows above took long, and stay.
    if let Err(error) = holds::measure(options, report, rows.iter().map(|row| &row.built)) {
        report.remark(format!(
            "the memory of gateways was not measured: {error:#}"
        ));
    }
    Ok(())
}

fn row(options: &Options, built: Built, express: Option<&Process>) -> Result<Row> {
    let compiled = compile::compile(options, &built)?;
    let handler = {
        let folder = options.scratch.join("languages");
        let path = folder.join("tollgate.toml");
        std::fs::write(&path, serve::manifest(&built.component)?)?;
        let env = |_: &str| Some(crate::payload::SECRET.to_owned());
        let manifest = manifest::load(&path, &env).map_err(|mistakes| anyhow!("{mistakes:?}"))?;
        manifest.handlers.get("paid").cloned()
    };
    let handler = handler.context("the manifest has a handler")?;
    Ok(Row {
        size: std::fs::metadata(&built.component)?.len(),
        runs: compile::run(options, &built, &handler)?,
        served: serve::serve(options, &built, express)?,
        compiled,
        built,
    })
}

fn figures(report: &mut Report, row: &Row) {
    let name = row.built.name;
    let mut add = |what: &str, unit, value| {
        report.figure(PART, format!("{name}: {what}"), unit, vec![value]);
    };
    add("build after a change", "s", row.built.seconds);
    add("size", "KiB", row.size as f64 / 1024.0);
    add("loaded, nothing compiled before", "s", row.compiled.first);
    add("loaded, the handler changed", "s", row.compiled.changed);
    add("loaded, compiled before", "s", row.compiled.cached);
    add("a fresh instance and the call", "µs", row.runs.merged);
    add("the same, modules not merged", "µs", row.runs.unmerged);
    add("memory of an instance", "MiB", mib(row.runs.memory));
    add("handled", "events/s", row.served.merged);
    add(
        "handled, modules not merged",
        "events/s",
        row.served.unmerged,
    );
    add("gateway, resident", "MiB", row.served.resident);
    add("gateway, not files", "MiB", row.served.not_files);
    let (merged, unmerged) = (row.served.merged, row.served.unmerged);
    let wanted = (name == "python").then_some("at least 2.5");
    report.ratio(
        format!("{name}: merged / not merged"),
        merged / unmerged,
        wanted,
    );
    if let Some(express) = row.served.express {
        let wanted = name.ends_with("script") && name != "assemblyscript";
        let wanted = wanted.then_some("at least 1.2");
        report.ratio(format!("{name} / Express"), merged / express, wanted);
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The table for the page on benchmarks.
fn table(rows: &[Row]) -> String {
    let mut text = "\n| | Build, s | Size, KiB | Loaded first / changed / again, s \
         | Instance and call, µs (not merged) | Memory, MiB | Handled a second (not merged) \
         | × Express | Gateway, MiB (not files) |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for row in rows {
        let Row {
            built,
            size,
            compiled,
            runs,
            served,
        } = row;
        let express = served
            .express
            .map_or(0.0, |express| served.merged / express);
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} | {} | {:.2} / {:.2} / {:.3} | {:.0} ({:.0}) | {:.1} | {:.0} ({:.0}) | {:.2} | {:.0} ({:.0}) |",
            built.name,
            built.seconds,
            size / 1024,
            compiled.first,
            compiled.changed,
            compiled.cached,
            runs.merged,
            runs.unmerged,
            mib(runs.memory),
            served.merged,
            served.unmerged,
            express,
            served.resident,
            served.not_files,
        );
    }
    text
}
