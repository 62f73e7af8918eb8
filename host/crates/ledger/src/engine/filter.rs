//! Filters of events, in the form in which rows are compared with them.

use std::time::Duration;

use crate::{DeliveryBrief, ListOrder, RecordFilter, StateFilter};
use tollgate_base::json::{PointerSet, pluck_borrowed};
use tollgate_base::time::WallTime;

/// So many bytes of a payload cost a scan as much as a narrow row.
pub(crate) const ROW_BYTES: usize = 1024;

/// The largest change of the clock that a list allows for. If somebody sets the clock, rows in
/// the order of arrival are not in the order of time any more. So a list that is bounded by time
/// ends only at a row that is beyond its bound by more than this.
const CLOCK_STEP: Duration = Duration::from_secs(48 * 3600);

/// A filter that has been read.
pub(crate) struct EventFilter<'a> {
    pub(crate) filter: &'a RecordFilter,
    /// The pointer into the payload, if a value there must match.
    pointer: PointerSet,
}

/// The columns of an event that a filter compares, but for the source.
pub(crate) struct EventColumns<'r> {
    pub(crate) kind: &'r str,
    pub(crate) provider_id: Option<&'r str>,
    pub(crate) subject: Option<&'r str>,
    pub(crate) account: Option<&'r str>,
    pub(crate) received: WallTime,
}

impl<'a> EventFilter<'a> {
    /// Reads a filter; `None` if nothing can match.
    pub(crate) fn new(filter: &'a RecordFilter) -> Option<Self> {
        let mut pointer = PointerSet::default();
        if let Some(payload) = &filter.payload {
            pointer.add(&payload.pointer).ok()?;
        }
        Some(Self { filter, pointer })
    }

    /// Whether an event matches, by its own columns but for the source.
    pub(crate) fn takes_event(&self, event: &EventColumns<'_>) -> bool {
        let filter = self.filter;
        let is = |wanted: &Option<String>, found| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|wanted| found == Some(wanted))
        };
        is(&filter.provider_id, event.provider_id)
            && is(&filter.subject, event.subject)
            && is(&filter.account, event.account)
            && filter
                .kind
                .as_ref()
                .is_none_or(|pattern| pattern.matches(event.kind))
            && filter.from.is_none_or(|from| event.received >= from)
            && filter.to.is_none_or(|to| event.received < to)
    }

    /// Whether the payload of an event matches.
    pub(crate) fn takes_payload(&self, payload: &[u8]) -> bool {
        let Some(wanted) = &self.filter.payload else {
            return true;
        };
        let values = pluck_borrowed(payload, &self.pointer).unwrap_or_default();
        let value = values.into_iter().next().flatten();
        value.is_some_and(|value| value.as_text() == Some(wanted.value.as_str()))
    }

    /// Whether nothing after an event of this time can match.
    pub(crate) fn is_past(&self, received: WallTime, order: ListOrder) -> bool {
        let filter = self.filter;
        match order {
            ListOrder::Newest => filter.from.is_some_and(|from| received + CLOCK_STEP < from),
            ListOrder::Oldest => filter.to.is_some_and(|to| received > to + CLOCK_STEP),
        }
    }
}

/// Whether the event's deliveries match the filter.
pub(crate) fn has_delivery(filter: &RecordFilter, deliveries: &[DeliveryBrief]) -> bool {
    if filter.state == Some(StateFilter::Unrouted) {
        return deliveries.is_empty() && filter.handler.is_none();
    }
    if filter.state.is_none() && filter.handler.is_none() {
        return true;
    }
    deliveries.iter().any(|delivery| {
        filter.state.is_none_or(|state| match state {
            StateFilter::Blocked => delivery.blocked,
            state => delivery.state == state.name(),
        }) && filter
            .handler
            .as_ref()
            .is_none_or(|handler| delivery.handler == handler.as_str())
    })
}
