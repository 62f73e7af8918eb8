//! The request of a capture, as `tollgate capture` writes it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tollgate_base::time::WallTime;
use tollgate_scheme::{SourceSecret, UnsignedRequest};

use crate::capture::{Capture, Marks, Raw};
use crate::cli::input::read_input;

/// The most bytes of a capture: several times the largest body that a gateway takes.
const MAX_SIZE: u64 = 256 << 20;

/// Headers of a connection, and those that proxies add. They say nothing of what the provider sent,
/// and whoever posts the request again has others.
const OF_THE_WAY: [&str; 18] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// A capture.
pub(in crate::cli) struct CapturedFile {
    path: PathBuf,
    capture: Capture,
}

/// The request of a capture, with the secrets that it carried.
#[derive(Clone)]
pub(in crate::cli) struct CapturedMessage {
    pub(in crate::cli) method: Method,
    /// The path with the query.
    pub(in crate::cli) target: String,
    pub(in crate::cli) headers: HeaderMap,
    pub(in crate::cli) body: Bytes,
}

impl CapturedFile {
    /// Reads a capture; `-` is standard input.
    pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = read_input(path, MAX_SIZE)?;
        let capture = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no capture", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            capture,
        })
    }

    /// The source that the request came to.
    pub(in crate::cli) fn source(&self) -> Option<&str> {
        self.capture.request.source.as_deref()
    }

    /// When the request came.
    pub(in crate::cli) fn received(&self) -> WallTime {
        self.capture.request.received_ms
    }

    /// Type and id of the first event.
    pub(in crate::cli) fn event(&self) -> Option<(&str, Option<&str>)> {
        let event = self.capture.events().next()?;
        Some((&event.kind, event.provider_id.as_deref()))
    }

    /// Checks that the request is as it came.
    ///
    /// # Errors
    /// The capture is redacted.
    pub(in crate::cli) fn check_whole(&self) -> anyhow::Result<()> {
        match &self.capture.request.redacted {
            Some(says) => bail!("{} is redacted: {says}", self.path.display()),
            None => Ok(()),
        }
    }

    /// The request, with these secrets in the place of their marks.
    ///
    /// # Errors
    /// A secret is missing, the body was not captured, or somebody has changed the file.
    pub(in crate::cli) fn message(
        &self,
        secrets: &[SourceSecret],
    ) -> anyhow::Result<CapturedMessage> {
        self.restored(secrets)
            .with_context(|| self.path.display().to_string())
    }

    fn restored(&self, secrets: &[SourceSecret]) -> anyhow::Result<CapturedMessage> {
        let request = &self.capture.request;
        let marks = request.secret_mark.as_deref().map(Marks::named);
        let fill = |raw: &Raw| -> anyhow::Result<Vec<u8>> {
            let bytes = raw.bytes()?;
            match &marks {
                Some(marks) => Ok(marks.fill(bytes, secrets)?),
                None => Ok(bytes),
            }
        };
        let Some(body) = &request.body else {
            let answer = &self.capture.answer;
            let reason = answer.reason.as_deref().unwrap_or("it was redacted");
            bail!("the body is not in the capture: {reason}");
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name)?;
            headers.append(name, HeaderValue::from_bytes(&fill(value)?)?);
        }
        Ok(CapturedMessage {
            method: request.method.parse()?,
            target: String::from_utf8(fill(&Raw::Text(request.target.clone()))?)?,
            headers,
            body: fill(body)?.into(),
        })
    }
}

impl CapturedMessage {
    /// The query of the request.
    pub(in crate::cli) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The request without the headers of the way that it came.
    pub(in crate::cli) fn for_posting(mut self) -> Self {
        for name in OF_THE_WAY {
            self.headers.remove(name);
        }
        self
    }

    /// The request, to be signed anew.
    pub(in crate::cli) fn unsigned(self) -> UnsignedRequest {
        let Self { headers, body, .. } = self.for_posting();
        UnsignedRequest { body, headers }
    }
}
