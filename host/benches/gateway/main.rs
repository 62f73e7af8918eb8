//! `make bench`: the cost of Tollgate, compared with the usual receiver.
//!
//! One program, one run. Contenders are separate processes and take turns, round by round,
//! under one load generator. The results are medians over the rounds and ratios of medians.
//! `docs/benchmarks.md` explains the letters of the contenders.
//!
//! ```text
//! make bench ARGS="[--only PART]… [--rounds N] [--requests N] [--events N] [--sizes N,N] [--before PROGRAM] [--json]"
//! PART: throughput, order, isolation, sandbox, reload, memory, languages, completion, ledger, pruning, verify, tls, attack
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures are what this program is for"
)]

mod attack;
mod completion;
mod contender;
mod gateway;
mod isolation;
mod languages;
mod ledger;
mod load;
mod memory;
mod options;
mod order;
mod payload;
mod pruning;
mod reload;
mod report;
mod role;
mod sandbox;
mod sink;
mod stats;
mod throughput;
mod tls;
mod verify;
mod verify_keys;

use anyhow::Result;

use options::{Options, Part};
use report::Report;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--role"
    {
        return role::serve(name);
    }
    let options = Options::parse(&arguments)?;
    let mut report = Report::new(&options);
    for part in &options.parts {
        eprintln!("measuring: {}", part.name());
        match part {
            Part::Throughput => throughput::measure(&options, &mut report)?,
            Part::Order => order::measure(&options, &mut report)?,
            Part::Isolation => isolation::measure(&options, &mut report)?,
            Part::Sandbox => sandbox::measure(&options, &mut report)?,
            Part::Reload => reload::measure(&options, &mut report)?,
            Part::Completion => completion::measure(&options, &mut report)?,
            Part::Ledger => ledger::measure(&options, &mut report)?,
            Part::Memory => memory::measure(&options, &mut report)?,
            Part::Languages => languages::measure(&options, &mut report)?,
            Part::Pruning => pruning::measure(&options, &mut report)?,
            Part::Verify => {
                verify::measure(&options, &mut report)?;
                verify_keys::measure(&options, &mut report)?;
            }
            Part::Tls => tls::measure(&options, &mut report)?,
            Part::Attack => attack::measure(&options, &mut report)?,
        }
    }
    if options.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(())
}
