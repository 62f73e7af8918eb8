//! Captures: requests as they came to a source, with what the gateway answered, as files.
//!
//! A capture is a fixture with the request beside the event, so that one file serves every command:
//! `verify` reads the request, `plugin test` the event, `trigger` posts the request again. A
//! request that was refused has no event.
//!
//! A capture holds no secret of a source: where a request carries one, as requests of schemes
//! without a signature do, a mark stands in its place ([`Marks`]).

mod file;
mod marks;
mod raw;
mod redact;

pub(crate) use file::{
    Capture, CaptureEnd, CaptureLine, CapturedAnswer, CapturedEvent, CapturedId, CapturedRequest,
    CapturedStep, EndReason,
};
pub(crate) use marks::Marks;
pub(crate) use raw::Raw;
pub(crate) use redact::redact;
