//! The options of the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A part of the bench.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Throughput,
    Order,
    Isolation,
    Sandbox,
    Reload,
    Memory,
    Languages,
    Completion,
    Ledger,
    Pruning,
    Verify,
    Tls,
    Attack,
}

/// All parts.
const PARTS: [Part; 13] = [
    Part::Throughput,
    Part::Order,
    Part::Isolation,
    Part::Sandbox,
    Part::Reload,
    Part::Memory,
    Part::Languages,
    Part::Completion,
    Part::Ledger,
    Part::Pruning,
    Part::Verify,
    Part::Tls,
    Part::Attack,
];

/// Parts that take too long to run unless they are named.
const ONLY_BY_NAME: [Part; 3] = [Part::Languages, Part::Ledger, Part::Attack];

impl Part {
    /// Returns the part's name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Order => "order",
            Self::Isolation => "isolation",
            Self::Sandbox => "sandbox",
            Self::Reload => "reload",
            Self::Memory => "memory",
            Self::Languages => "languages",
            Self::Completion => "completion",
            Self::Ledger => "ledger",
            Self::Pruning => "pruning",
            Self::Verify => "verify",
            Self::Tls => "tls",
            Self::Attack => "attack",
        }
    }
}

/// The command line.
pub(crate) struct Options {
    /// `--only`; by default all parts except [`ONLY_BY_NAME`].
    pub(crate) parts: Vec<Part>,
    /// `--rounds`: the number of turns of each contender.
    pub(crate) rounds: usize,
    /// `--requests`: the number of requests in each turn.
    pub(crate) requests: usize,
    /// `--events`: the number of events in the ledger before the rounds. 0 means a new ledger
    /// in every round.
    pub(crate) events: usize,
    /// `--sizes`: the numbers of events at which the part `ledger` measures.
    pub(crate) sizes: Vec<usize>,
    /// `--connections`: the number of open connections of the load generator.
    pub(crate) connections: usize,
    /// `--before`: the program of an earlier gateway, which the part `attack` attacks too.
    pub(crate) before: Option<PathBuf>,
    /// `--json`
    pub(crate) json: bool,
    /// The root folder of the repository.
    pub(crate) root: PathBuf,
    /// The folder for ledgers and manifests of the bench. Its disk is the one that is
    /// measured.
    pub(crate) scratch: PathBuf,
}

impl Options {
    /// Reads the arguments. Cargo adds `--bench`, which has no meaning here.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let host = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = host.parent().context("the host has no parent")?.to_owned();
        let mut options = Self {
            parts: Vec::new(),
            rounds: 5,
            requests: 20_000,
            events: 0,
            sizes: vec![0, 1_000_000, 5_000_000],
            connections: 64,
            before: None,
            json: false,
            scratch: root.join("target/bench"),
            root,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--bench" => {}
                "--json" => options.json = true,
                "--only" => options.parts.push(part(value()?)?),
                "--rounds" => options.rounds = value()?.parse()?,
                "--requests" => options.requests = value()?.parse()?,
                "--events" => options.events = value()?.parse()?,
                "--before" => options.before = Some(std::fs::canonicalize(value()?)?),
                "--sizes" => options.sizes = sizes(value()?)?,
                "--connections" => options.connections = value()?.parse()?,
                other => bail!("there is no option {other}"),
            }
        }
        if options.parts.is_empty() {
            options.parts.extend(
                PARTS
                    .into_iter()
                    .filter(|part| !ONLY_BY_NAME.contains(part)),
            );
        }
        Ok(options)
    }

    /// Returns the path of a handler that `make guests` built.
    pub(crate) fn component(&self, name: &str) -> PathBuf {
        self.root
            .join("plugins/target/components")
            .join(format!("{name}.wasm"))
    }
}

fn part(name: &str) -> Result<Part> {
    let found = PARTS.into_iter().find(|part| part.name() == name);
    found.with_context(|| format!("there is no part {name}"))
}

fn sizes(list: &str) -> Result<Vec<usize>> {
    let sizes = list.split(',').map(|size| Ok(size.trim().parse()?));
    let sizes: Vec<usize> = sizes.collect::<Result<_>>()?;
    if !sizes.is_sorted() {
        bail!("the sizes must rise, because one ledger grows from each size to the next");
    }
    Ok(sizes)
}
