//! `GET /metrics`: the gateway's figures for Prometheus.
//!
//! [`figures`] has plain values that the gateway gathers from its parts for one scrape; no scrape
//! scans the ledger. [`families`] names every metric, and is where docs/metrics.md comes from.
//! [`exposition`] writes the figures in one of the two text [formats](format). Every label is a
//! name of the manifest or a word of this program, so nobody outside can make new series.

mod exposition;
mod families;
mod figures;
mod format;
mod page;
mod process;
#[cfg(test)]
mod tests;

pub(crate) use exposition::write;
pub(crate) use figures::{
    Breaker, Figures, GenerationFigures, HandlerFigures, SecretFigures, SourceFigures,
};
pub use format::Format;
pub(crate) use process::Process;
