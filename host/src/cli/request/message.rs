//! The headers and the body of a request, as arguments.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cli::arguments;
use crate::cli::input::{MAX_BODY, read_input};

/// The exit code for wrong arguments. A refused request has another exit code.
pub(in crate::cli) const WRONG_USAGE: u8 = 2;

/// The headers and the body of a request.
#[derive(Debug, Args)]
pub(in crate::cli) struct MessageArgs {
    /// A header of the request. Use this option once for each header.
    #[arg(
        long = "header",
        value_name = "NAME: VALUE",
        value_parser = OsStringValueParser::new().try_map(arguments::header),
    )]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The file with the body of the request, byte for byte. `-` is standard input.
    #[arg(long)]
    body: PathBuf,
}

impl MessageArgs {
    /// The headers.
    pub(in crate::cli) fn headers(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.append(name.clone(), value.clone());
        }
        map
    }

    /// The bytes of the body.
    pub(in crate::cli) fn body(&self) -> anyhow::Result<Bytes> {
        Ok(read_input(&self.body, MAX_BODY)?.into())
    }
}
