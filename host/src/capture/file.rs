//! The form of a capture, and of the stream that captures come in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_base::time::WallTime;
use tollgate_ledger::Millis;
use utoipa::ToSchema;

use super::raw::Raw;

/// A line of the stream of captures. An empty line between two says that the stream lives.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureLine {
    /// A request.
    Capture(Box<Capture>),
    /// The last line.
    End(CaptureEnd),
}

/// How a capture ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaptureEnd {
    pub(crate) why: EndReason,
    /// The requests that were sent.
    pub(crate) captured: u64,
    /// The requests that were left out, because they came faster than the client read.
    pub(crate) dropped: u64,
}

/// Why a capture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndReason {
    /// There were as many requests as were asked for.
    Limit,
    /// The time is over.
    Time,
    /// The gateway ends.
    Shutdown,
}

/// A request as it came to the gateway, and the answer to it. Beside them its event, as in a
/// fixture, or its events as steps; neither if the request was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Capture {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<CapturedEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<Vec<CapturedStep>>,
    pub(crate) request: CapturedRequest,
    pub(crate) answer: CapturedAnswer,
}

/// One event of several.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapturedStep {
    pub(crate) event: CapturedEvent,
}

/// An event as the gateway read it, in the form of a fixture.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapturedEvent {
    /// The type.
    pub(crate) kind: String,
    pub(crate) source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Millis>)]
    pub(crate) created_ms: Option<WallTime>,
    #[schema(value_type = Millis)]
    pub(crate) received_ms: WallTime,
    /// The headers that are recorded with the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// What the gateway adds to the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    /// The payload: JSON, or a string for bytes that are no JSON.
    #[schema(value_type = serde_json::Value)]
    pub(crate) payload: Box<RawValue>,
}

/// A request, as it came.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapturedRequest {
    /// The source; `null` if no source has the path.
    pub(crate) source: Option<String>,
    #[schema(value_type = Millis)]
    pub(crate) received_ms: WallTime,
    /// Who sent the request.
    pub(crate) peer: String,
    pub(crate) method: String,
    /// The path with the query, as it was sent.
    pub(crate) target: String,
    /// Names and values, in order.
    pub(crate) headers: Vec<(String, Raw)>,
    /// The body; `null` if the request was refused before its body was read, or if it was redacted
    /// and is no JSON.
    pub(crate) body: Option<Raw>,
    /// The mark that stands in the place of the source's secrets, if the request carries one:
    /// `{{MARK:1}}` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_mark: Option<String>,
    /// That values were replaced, so that no signature can hold any more; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redacted: Option<String>,
}

/// The answer to a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapturedAnswer {
    /// The status of the response.
    pub(crate) status: u16,
    /// Why the request was refused, as a word; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The same as a text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The recorded events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) recorded: Vec<CapturedId>,
}

/// A recorded event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapturedId {
    /// The gateway's id; `null` if only the key of the event is left.
    pub(crate) id: Option<String>,
    /// Whether the event had been recorded before.
    pub(crate) duplicate: bool,
}

impl Capture {
    /// The events, if the request was accepted.
    pub(crate) fn events(&self) -> impl Iterator<Item = &CapturedEvent> {
        let steps = self.steps.iter().flatten().map(|step| &step.event);
        self.event.iter().chain(steps)
    }

    /// The events, to change them.
    pub(crate) fn events_mut(&mut self) -> impl Iterator<Item = &mut CapturedEvent> {
        let steps = self.steps.iter_mut().flatten();
        let steps = steps.map(|step| &mut step.event);
        self.event.iter_mut().chain(steps)
    }
}
