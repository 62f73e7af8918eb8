//! `tollgate sign`: signs a request as its provider does, for tests and local work.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use tollgate_scheme::{SignedRequest, UnsignedRequest, Verifier};

use super::exit::Exit;
use super::output::{json_out, print_error};
use super::request::{CapturedFile, MessageArgs, SchemeArgs};

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    message: MessageArgs,
    /// The number of the secret to sign with, counted from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    with: u16,
    /// The file for the signed body. Default: standard output, after the headers.
    #[arg(long)]
    body_out: Option<PathBuf>,
    /// Print a JSON object: headers, body (as text and as base64), and the query if the scheme
    /// signs a query.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 1 means that the request cannot be signed, 2 means wrong arguments.
pub(super) fn run(args: &SignArgs) -> anyhow::Result<ExitCode> {
    let (verifier, unsigned) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(error) => {
            print_error(error);
            return Ok(Exit::NotTried.into());
        }
    };
    let signed = verifier.sign(usize::from(args.with) - 1, unsigned, args.scheme.now())?;
    if let Some(path) = &args.body_out {
        std::fs::write(path, &signed.body).with_context(|| path.display().to_string())?;
    }
    if args.json {
        writeln!(json_out(), "{}", as_json(&signed))?;
    } else {
        // The request goes on to another program, byte for byte.
        show(
            &mut std::io::stdout().lock(),
            &signed,
            args.body_out.is_none(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare(args: &SignArgs) -> anyhow::Result<(Verifier, UnsignedRequest)> {
    let capture = args.message.capture()?;
    let source = capture.as_ref().and_then(CapturedFile::source);
    let mut setup = args.scheme.setup_or(source)?;
    let verifier = setup.verifier()?;
    let unsigned = match capture {
        Some(capture) => capture.message(&setup.settings.secrets)?.unsigned(),
        None => UnsignedRequest {
            body: args.message.body()?,
            headers: args.message.headers(),
        },
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

/// Writes the headers, an empty line and the body, as HTTP does.
pub(super) fn show(
    out: &mut impl Write,
    signed: &SignedRequest,
    body: bool,
) -> std::io::Result<()> {
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
