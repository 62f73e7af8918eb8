//! The page of metrics, in both formats.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::families::{ALL, Family, Kind};
use super::*;
use tollgate_base::histogram::{DURATIONS, Histogram, NUMBERS};
use tollgate_base::time::WallTime;
use tollgate_ledger::{Commits, Counts, DeliveryState, OutboxState, Totals};

const FORMATS: [Format; 2] = [Format::Prometheus, Format::OpenMetrics];

/// Figures in which every family has a series.
fn figures() -> Figures {
    let durations = Histogram::new(DURATIONS);
    durations.observe(1_200);
    let numbers = Histogram::new(NUMBERS);
    numbers.observe(3);
    Figures {
        ready: true,
        sources: vec![source("stripe")],
        rejections: vec![("-".to_owned(), "unknown_path", 3)],
        odd: vec![("forwarded", 1)],
        notices: vec![("stripe".to_owned(), "unreadable", 2)],
        certificates: vec![("hooks.example".to_owned(), WallTime::from_secs(9_000))],
        handlers: vec![handler("guest")],
        guests_running: 1,
        guest_memory: 64 << 20,
        guest_memory_limit: 1 << 30,
        totals: Totals {
            counts: Counts {
                events: 11,
                died: 4,
                deliveries: vec![(DeliveryState::Pending, 5), (DeliveryState::Dead, 2)],
                outbox: vec![(OutboxState::Waiting, 6)],
                ..Counts::default()
            },
            retries_due: 7,
            oldest_request: None,
            bytes: 4_096,
        },
        oldest_due: 1.25,
        oldest_request: 0.0,
        tries: vec![("sent", durations.read())],
        writable: true,
        wal_bytes: 0,
        disk: Some((1, 2)),
        commits: Commits {
            operations: numbers.read(),
            duration: durations.read(),
            failed: 0,
        },
        generation: GenerationFigures {
            number: 3,
            loaded: WallTime::from_millis(1_500),
            origin: "manifest",
            failing: false,
            reloads_loaded: 2,
            reloads_failed: 1,
        },
        alerts: vec![("dead_letters".to_owned(), 1)],
        admin_requests: vec![("metrics", 200, 1)],
        exports: vec![("traces", 5, 2), ("logs", 1, 0)],
        process: Process::new(WallTime::EPOCH).read(),
    }
}

fn source(name: &str) -> SourceFigures {
    let acknowledged = Histogram::new(DURATIONS);
    acknowledged.observe(700);
    SourceFigures {
        name: name.to_owned(),
        new_events: 8,
        duplicates: 1,
        last: Some(WallTime::from_millis(1_500)),
        acknowledgements: acknowledged.read(),
        secrets: vec![SecretFigures {
            matched: 9,
            expires: Some(WallTime::from_secs(100)),
        }],
    }
}

fn handler(name: &str) -> HandlerFigures {
    HandlerFigures {
        name: name.to_owned(),
        component: "0123456789abcdef".to_owned(),
        durations: Arc::default(),
        queued: 1,
        running: 2,
        breaker: Breaker::HalfOpen,
        paused: false,
        rolled_back: true,
    }
}

fn page(figures: Figures, format: Format) -> String {
    write(figures, format).unwrap()
}

/// The lines without comments. The formats write labels in different orders, so they are sorted.
fn series(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(sorted).collect()
}

fn sorted(line: &str) -> String {
    let Some((name, rest)) = line.split_once('{') else {
        return line.to_owned();
    };
    let (labels, value) = rest.rsplit_once('}').unwrap();
    let mut labels: Vec<_> = labels.split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}{value}", labels.join(","))
}

#[test]
fn both_formats_have_every_family_with_the_same_series() {
    for format in FORMATS {
        let page = page(figures(), format);
        for family in ALL {
            // Durations of handlers come with attempts.
            if family.name != "tollgate_handler_duration" {
                assert!(
                    page.contains(&format!("\n{}", family.full_name())),
                    "{family:?}"
                );
            }
            let counter = family.kind == Kind::Counter && format == Format::OpenMetrics;
            let name = family.full_name();
            let of_family = match counter {
                true => name.trim_end_matches("_total"),
                false => name.trim_end_matches("_none"),
            };
            let of_family = match (family.kind, format) {
                (Kind::Info, Format::OpenMetrics) => of_family.trim_end_matches("_info"),
                _ => of_family,
            };
            assert!(
                page.contains(&format!("# HELP {of_family} ")),
                "{family:?}\n{page}"
            );
        }
        for line in [
            "tollgate_events_received_total{source=\"stripe\",result=\"new\"} 8",
            "tollgate_rejections_total{source=\"-\",reason=\"unknown_path\"} 3",
            "tollgate_deliveries_due 12",
            "tollgate_oldest_due_seconds 1.25",
            "tollgate_handler_breaker_state{handler=\"guest\"} 1",
            "tollgate_generation_loaded_timestamp_seconds 1.5",
        ] {
            assert!(series(&page).contains(&sorted(line)), "{line}\n{page}");
        }
        assert!(!page.contains('\r') && !page.contains("\n\n"));
        assert_eq!(page.ends_with("# EOF\n"), format == Format::OpenMetrics);
    }
}

#[test]
fn the_formats_name_no_series_in_two_ways() {
    let names = |format| -> BTreeSet<String> {
        let series = series(&page(figures(), format)).into_iter();
        let names = series.map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        names.collect()
    };
    assert_eq!(names(Format::Prometheus), names(Format::OpenMetrics));
}

#[test]
fn a_name_with_hostile_characters_stays_one_label() {
    let hostile = "a\"} 1\ntollgate_evil{x=\"\\";
    for format in FORMATS {
        let figures = Figures {
            certificates: vec![(hostile.to_owned(), WallTime::from_secs(1))],
            ..figures()
        };
        let page = page(figures, format);
        assert!(!page.contains("\ntollgate_evil"), "{page}");
        assert!(page.contains("certificate=\"a\\\"} 1\\ntollgate_evil{x=\\\"\\\\\"} 1"));
    }
}

#[test]
fn histograms_end_with_all_values() {
    for format in FORMATS {
        let series = series(&page(figures(), format));
        for line in [
            "tollgate_ack_duration_seconds_bucket{le=\"0.0005\",source=\"stripe\"} 0",
            "tollgate_ack_duration_seconds_bucket{le=\"0.001\",source=\"stripe\"} 1",
            "tollgate_ack_duration_seconds_bucket{le=\"+Inf\",source=\"stripe\"} 1",
            "tollgate_ack_duration_seconds_count{source=\"stripe\"} 1",
            "tollgate_ack_duration_seconds_sum{source=\"stripe\"} 0.0007",
            "tollgate_commit_batch_size_bucket{le=\"2.5\"} 0",
            "tollgate_commit_batch_size_bucket{le=\"4.5\"} 1",
        ] {
            assert!(series.contains(line), "{line}\n{series:#?}");
        }
    }
}

/// The table of docs/metrics.md.
fn table() -> String {
    let mut table = String::from("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
    for family in ALL {
        table.push_str(&row(family));
    }
    table
}

fn row(family: &Family) -> String {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    };
    let labels = family.labels.iter().map(|label| format!("`{label}`"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    format!(
        "| `{}` | {kind} | {labels} | {} |\n",
        family.full_name(),
        family.help
    )
}

#[test]
fn the_docs_have_every_metric() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once("<!-- metrics -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- /metrics -->\n").unwrap();
    let table = table();
    if std::env::var_os("METRICS").is_some() {
        let text = format!("{before}<!-- metrics -->\n{table}<!-- /metrics -->\n{after}");
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(
        found, table,
        "run METRICS=write cargo test the_docs_have_every_metric"
    );
}
