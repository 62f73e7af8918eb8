//! Events that their source keeps from all handlers on purpose.

use tollgate_base::event::Event;
use tollgate_ledger::SAME_BYTES_AS;
use tollgate_scheme::DedupChoice;

use crate::settings::Source;

/// The metadata with the mode of an event.
pub(crate) const LIVEMODE: &str = "livemode";

/// Why a source keeps an event from all handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exclusion {
    /// The event is of the mode that `livemode` of the source excludes.
    #[error(
        "`livemode` of the source keeps events of this mode from handlers: name the event by id"
    )]
    OtherMode,
    /// Another event has the same bytes, and `dedup` of the source goes by bytes.
    #[error("another event has the same bytes, and `dedup` goes by bytes: name the event by id")]
    SameBytes,
}

impl Exclusion {
    /// Why `source` keeps `event` from all handlers; `None` if it does not.
    pub(crate) fn of(source: &Source, event: &Event) -> Option<Self> {
        let metadata = |wanted: &str| {
            let mut pairs = event.metadata.iter();
            pairs.find_map(|(name, value)| (name == wanted).then_some(value.as_str()))
        };
        let mode = metadata(LIVEMODE);
        let wanted = source.settings.livemode.map(|live| live.to_string());
        if wanted.is_some_and(|wanted| mode.is_some_and(|mode| mode != wanted)) {
            return Some(Self::OtherMode);
        }
        let by_bytes = source.settings.dedup_by == Some(DedupChoice::Bytes);
        (by_bytes && metadata(SAME_BYTES_AS).is_some()).then_some(Self::SameBytes)
    }
}
