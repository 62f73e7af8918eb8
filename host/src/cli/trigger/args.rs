//! The arguments of `tollgate trigger`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue};
use tollgate_events::Override;

use crate::cli::arguments;
use crate::cli::request::SchemeArgs;

#[derive(Debug, Args)]
pub(in crate::cli) struct TriggerArgs {
    /// The event, such as `payment_intent.succeeded`. `--list` shows the events.
    #[arg(required_unless_present_any = ["capture", "list", "scenario", "new_key"])]
    pub(super) event: Option<String>,
    /// A story of several events in order, such as `subscription-dunning`, instead of one event.
    /// `--list` shows the scenarios.
    #[arg(long, value_name = "NAME", conflicts_with = "event")]
    pub(super) scenario: Option<String>,
    /// A capture to post again, as `tollgate capture` writes it, signed anew with the secret of its
    /// source here. Use this option once for each capture.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["event", "scenario", "overrides", "print", "api_version", "seed"]
    )]
    pub(super) capture: Vec<PathBuf>,
    /// Post captures byte for byte, with the signatures that they came with.
    #[arg(long, requires = "capture", conflicts_with = "key")]
    pub(super) unchanged: bool,
    #[command(flatten)]
    pub(super) scheme: SchemeArgs,
    /// Where to post. Default: the address and the source's path in the manifest; with `--scheme`
    /// the URL of `--url`. A URL without a path gets the source's path.
    #[arg(long, value_name = "URL")]
    pub(super) to: Option<String>,
    /// Another value in the body: a JSON pointer and JSON, such as `/data/object/amount=500`. What
    /// is no JSON is a text. Use this option once for each value.
    #[arg(long = "override", value_name = "/POINTER=VALUE", value_parser = overriding)]
    pub(super) overrides: Vec<Override>,
    /// A further header that no scheme signs. Use this option once for each header.
    #[arg(
        long = "header",
        value_name = "NAME: VALUE",
        value_parser = OsStringValueParser::new().try_map(arguments::header),
    )]
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Print the body, a fixture for a handler, or the whole request, and post nothing.
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        num_args = 0..=1,
        default_missing_value = "body"
    )]
    pub(super) print: Option<PrintForm>,
    /// How many events to post, or how often to tell the scenario. Each has ids of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) repeat: u32,
    /// How many requests to post at the same time. A scenario keeps its order only with 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) concurrency: u16,
    /// Post each request twice, byte for byte.
    #[arg(long)]
    pub(super) duplicate: bool,
    /// Post the events in a random order.
    #[arg(long)]
    pub(super) out_of_order: bool,
    /// How many times faster than in life a scenario is told, such as `86400` for a day in a
    /// second. Default: without any wait.
    #[arg(long, value_parser = speed, requires = "scenario", conflicts_with = "out_of_order")]
    pub(super) speed: Option<f64>,
    /// The API version of the provider whose shape the events have, such as `2025-03-31.basil`.
    #[arg(long, value_name = "VERSION")]
    pub(super) api_version: Option<String>,
    /// The seed of ids, amounts and names: the same seed gives the same event. Default: a random
    /// seed.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// The private key in PEM that stands in for the provider's, for a provider that signs with a
    /// private key. The source has its public part as a secret.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Make such a key pair for the scheme or source that is named: the private key in FILE, the
    /// source's secret in FILE.pub.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["capture", "event", "scenario", "list", "print", "key"])]
    pub(super) new_key: Option<PathBuf>,
    /// List the events and scenarios: of all schemes, or of the scheme or source that is named.
    #[arg(long, conflicts_with_all = ["capture", "event", "scenario", "print"])]
    pub(super) list: bool,
    /// Print a JSON object for each request.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--print` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PrintForm {
    /// The body, byte for byte.
    Body,
    /// A fixture for a handler, as `docs/handlers.md` describes it.
    Fixture,
    /// The headers, an empty line and the body.
    Request,
}

/// A JSON pointer and a value.
fn overriding(text: &str) -> Result<Override, &'static str> {
    const FORM: &str = "write /POINTER=VALUE, such as `/data/object/amount=500`";
    let (pointer, value) = text.split_once('=').ok_or(FORM)?;
    let is_pointer = pointer.starts_with('/');
    is_pointer.then_some(()).ok_or(FORM)?;
    Ok(Override {
        pointer: pointer.to_owned(),
        value: value.to_owned(),
    })
}

/// A factor of at least 0.001.
fn speed(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.001);
    number.ok_or("write a factor such as `60` or `86400`")
}
