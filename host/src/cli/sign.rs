//! `tollgate sign`: signs a request as its provider would, for tests and local work.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::request::{HeaderArgs, SchemeArgs, WRONG_USAGE, read_body};
use tollgate_scheme::{SignedRequest, UnsignedRequest, Verifier};

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    headers: HeaderArgs,
    /// The file that holds the body to be signed; `-` is standard input.
    #[arg(long)]
    body: PathBuf,
    /// Which of the secrets to sign with, counted from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    with: u16,
    /// Write the signed body here; without it, to standard output after the headers.
    #[arg(long)]
    body_out: Option<PathBuf>,
    /// Print a JSON object: headers, body (as text and as base64), and the query where one
    /// is signed.
    #[arg(long)]
    json: bool,
}

/// Ends with 1 if the request cannot be signed, with 2 for wrong usage.
pub(super) fn run(args: &SignArgs) -> anyhow::Result<ExitCode> {
    let (verifier, unsigned) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let signed = verifier.sign(usize::from(args.with) - 1, unsigned, args.scheme.now())?;
    if let Some(path) = &args.body_out {
        std::fs::write(path, &signed.body).with_context(|| path.display().to_string())?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", as_json(&signed))?;
    } else {
        show(&mut out, &signed, args.body_out.is_none())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare(args: &SignArgs) -> anyhow::Result<(Verifier, UnsignedRequest)> {
    let verifier = args.scheme.choose()?.verifier()?;
    let unsigned = UnsignedRequest {
        body: read_body(&args.body)?,
        headers: args.headers.map(),
    };
    Ok((verifier, unsigned))
}

fn as_json(signed: &SignedRequest) -> serde_json::Value {
    let headers: Vec<_> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    json!({
        "headers": headers,
        "query": signed.query,
        "body": String::from_utf8_lossy(&signed.body),
        "body_base64": STANDARD.encode(&signed.body),
    })
}

/// The request's headers, an empty line, its body: as HTTP writes them.
fn show(out: &mut impl Write, signed: &SignedRequest, body: bool) -> std::io::Result<()> {
    if let Some(query) = &signed.query {
        writeln!(out, "# the URL's query must be: {query}")?;
    }
    for (name, value) in &signed.headers {
        write!(out, "{name}: ")?;
        out.write_all(value.as_bytes())?;
        writeln!(out)?;
    }
    if body {
        writeln!(out)?;
        out.write_all(&signed.body)?;
    }
    Ok(())
}
