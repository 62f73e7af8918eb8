//! The headers and the body of a request, as arguments.

use std::path::PathBuf;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::captured::CapturedFile;
use crate::cli::arguments;
use crate::cli::input::{MAX_BODY, read_input};

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
    #[arg(long, required_unless_present = "capture")]
    body: Option<PathBuf>,
    /// A capture, as `tollgate capture` writes it: the request with its headers and its body.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["body", "headers"])]
    capture: Option<PathBuf>,
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
        let path = self
            .body
            .as_deref()
            .context("name the body: `--body FILE`")?;
        Ok(read_input(path, MAX_BODY)?.into())
    }

    /// The capture, if the arguments name one.
    pub(in crate::cli) fn capture(&self) -> anyhow::Result<Option<CapturedFile>> {
        self.capture.as_deref().map(CapturedFile::read).transpose()
    }
}
