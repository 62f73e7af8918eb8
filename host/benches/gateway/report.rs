//! The results, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::options::Options;
use crate::stats::{median, range};

/// A figure: its name, its unit, and its value in each round.
struct Figure {
    part: &'static str,
    name: String,
    unit: &'static str,
    rounds: Vec<f64>,
}

/// A ratio of medians, with the wanted value if there is one.
struct Ratio {
    name: String,
    value: f64,
    wanted: Option<String>,
}

/// All results so far.
pub(crate) struct Report {
    about: Value,
    figures: Vec<Figure>,
    ratios: Vec<Ratio>,
    remarks: Vec<String>,
}

impl Report {
    /// Makes an empty report with the settings of the measurement.
    pub(crate) fn new(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self {
            about: json!({
                "cores": cores,
                "connections": options.connections,
                "rounds": options.rounds,
                "requests": options.requests,
                "event_bytes": crate::payload::BODY,
                "events_before": options.events,
            }),
            figures: Vec::new(),
            ratios: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Adds a figure with its value in each round.
    pub(crate) fn figure(
        &mut self,
        part: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        rounds: Vec<f64>,
    ) {
        self.figures.push(Figure {
            part,
            name: name.into(),
            unit,
            rounds,
        });
    }

    /// Adds a ratio.
    pub(crate) fn ratio(&mut self, name: impl Into<String>, value: f64, wanted: Option<&str>) {
        self.ratios.push(Ratio {
            name: name.into(),
            value,
            wanted: wanted.map(Into::into),
        });
    }

    /// Adds a remark.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Returns the report for people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let about = &self.about;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "\n{} cores, {} connections, {} rounds of {} requests of {} bytes, {} events in the \
             ledger before",
            about["cores"],
            about["connections"],
            about["rounds"],
            about["requests"],
            about["event_bytes"],
            about["events_before"],
        );
        let mut part = "";
        for figure in &self.figures {
            if figure.part != part {
                part = figure.part;
                let _ = writeln!(out, "\n{part:<58} {:>10} {:>21}", "median", "min … max");
            }
            let (least, greatest) = range(&figure.rounds);
            let _ = writeln!(
                out,
                "  {:<56} {:>10} {:>10} … {:<10} {}",
                figure.name,
                number(median(&figure.rounds)),
                number(least),
                number(greatest),
                figure.unit,
            );
        }
        let _ = writeln!(out, "\nratios of medians");
        for Ratio {
            name,
            value,
            wanted,
        } in &self.ratios
        {
            let wanted = wanted
                .as_ref()
                .map(|w| format!("(wanted: {w})"))
                .unwrap_or_default();
            let _ = writeln!(out, "  {name:<56} {value:>10.2} {wanted}");
        }
        self.remarks.iter().for_each(|remark| {
            let _ = writeln!(out, "  {remark}");
        });
        out
    }

    /// Returns the report for programs.
    pub(crate) fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| {
            json!({
                "part": figure.part, "name": figure.name, "unit": figure.unit,
                "median": median(&figure.rounds), "rounds": figure.rounds,
            })
        });
        let ratios = self.ratios.iter().map(
            |ratio| json!({ "name": ratio.name, "value": ratio.value, "wanted": ratio.wanted }),
        );
        json!({
            "about": self.about,
            "figures": figures.collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
            "remarks": self.remarks,
        })
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
