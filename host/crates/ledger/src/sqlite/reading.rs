//! The roles that only read: for a ledger that serves, and for a ledger that is only read.

use super::ledger::SqliteLedger;
use super::lineage;
use super::read::records;
use super::read::{SqliteReader, gauges, handlers, schedule, state};
use crate::engine::Span;
use crate::{
    Counts, Cursor, DeliveryDetail, DeliveryId, DeliverySummary, EventDetail, EventSummary,
    LedgerError, ListError, Listed, Page, Pause, RecordFilter, RecordList, RecordedRun, Records,
    RejectionFilter, RejectionView, RequestDetail, RequestFilter, RequestId, RequestSummary,
    Restore, Scheduled, StateChangeView, StateEntry, StateStore, StateView, Versioned,
};
use tollgate_base::event::{Event, EventId, HandlerName};

/// Has connections to read with.
trait Reads: Send + Sync + 'static {
    fn reader(&self) -> &SqliteReader;
}

impl Reads for SqliteReader {
    fn reader(&self) -> &SqliteReader {
        self
    }
}

impl Reads for SqliteLedger {
    fn reader(&self) -> &SqliteReader {
        &self.reader
    }
}

impl<R: Reads> StateStore for R {
    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        self.reader()
            .read_for(handler, |conn, handler| state::get(conn, handler, key))
    }

    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        self.reader().read_for(handler, |conn, handler| {
            state::list(conn, handler, prefix, after, limit)
        })
    }
}

impl<R: Reads> Records for R {
    fn events(
        &self,
        filter: &RecordFilter,
        page: &Page,
    ) -> Result<Listed<EventSummary>, ListError> {
        let span = Span::of(RecordList::Events, page)?;
        Ok(self
            .reader()
            .read(|conn| records::events(conn, filter, span))?)
    }

    fn event(&self, id: EventId) -> Result<Option<EventDetail>, LedgerError> {
        self.reader().read(|conn| records::event(conn, id))
    }

    fn ids_between(
        &self,
        first: EventId,
        last: EventId,
        limit: usize,
    ) -> Result<Vec<EventId>, LedgerError> {
        self.reader()
            .read(|conn| records::ids_between(conn, first, last, limit))
    }

    fn event_to_run(&self, id: EventId) -> Result<Option<Event>, LedgerError> {
        self.reader().read(|conn| records::event_to_run(conn, id))
    }

    fn deliveries(
        &self,
        filter: &RecordFilter,
        page: &Page,
    ) -> Result<Listed<DeliverySummary>, ListError> {
        let span = Span::of(RecordList::Deliveries, page)?;
        Ok(self
            .reader()
            .read(|conn| records::deliveries(conn, filter, span))?)
    }

    fn delivery(&self, seq: DeliveryId) -> Result<Option<DeliveryDetail>, LedgerError> {
        self.reader().read(|conn| records::delivery(conn, seq))
    }

    fn recorded(&self, seq: DeliveryId) -> Result<Option<RecordedRun>, LedgerError> {
        self.reader().read(|conn| records::recorded(conn, seq))
    }

    fn requests(
        &self,
        filter: &RequestFilter,
        page: &Page,
    ) -> Result<Listed<RequestSummary>, ListError> {
        let span = Span::of(RecordList::Requests, page)?;
        Ok(self
            .reader()
            .read(|conn| records::requests(conn, filter, span))?)
    }

    fn request(&self, seq: RequestId) -> Result<Option<RequestDetail>, LedgerError> {
        self.reader().read(|conn| records::request(conn, seq))
    }

    fn rejections(
        &self,
        filter: &RejectionFilter,
        page: &Page,
    ) -> Result<Listed<RejectionView>, ListError> {
        let span = Span::of(RecordList::Rejections, page)?;
        Ok(self
            .reader()
            .read(|conn| records::rejections(conn, filter, span))?)
    }

    fn last_cursor(&self, list: RecordList) -> Result<Cursor, LedgerError> {
        self.reader().read(|conn| records::last_cursor(conn, list))
    }

    fn scheduled(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError> {
        match handler {
            Some(handler) => self.reader().read_for(handler, |conn, handler| {
                schedule::list(conn, Some(handler), limit)
            }),
            None => self.reader().read(|conn| schedule::list(conn, None, limit)),
        }
    }

    fn state(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateView>, LedgerError> {
        self.reader().read_for(handler, |conn, handler| {
            records::state(conn, handler, prefix, after, limit)
        })
    }

    fn state_value(
        &self,
        handler: &HandlerName,
        key: &str,
    ) -> Result<Option<StateView>, LedgerError> {
        self.reader().read_for(handler, |conn, handler| {
            records::state_value(conn, handler, key)
        })
    }

    fn state_changes(
        &self,
        handler: &HandlerName,
        key: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateChangeView>, LedgerError> {
        self.reader().read_for(handler, |conn, number| {
            records::state_changes(conn, (number, handler), key, limit)
        })
    }

    fn handlers(&self) -> Result<Vec<HandlerName>, LedgerError> {
        self.reader().read(handlers::all)
    }

    fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError> {
        self.reader().read(handlers::pauses)
    }

    fn restored(&self) -> Result<Option<Restore>, LedgerError> {
        self.reader().read(lineage::restored)
    }

    fn counts(&self) -> Result<Counts, LedgerError> {
        self.reader().read(gauges::counts)
    }
}
