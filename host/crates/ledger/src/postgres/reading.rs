//! The roles that read.

use super::ledger::PostgresLedger;
use super::read::{gauges, records, schedule, small, state};
use crate::engine::Span;
use crate::{
    Counts, Cursor, DeliveryDetail, DeliveryId, DeliverySummary, EventDetail, EventSummary,
    LedgerError, ListError, Listed, Page, Pause, RecordFilter, RecordList, RecordedRun, Records,
    RejectionFilter, RejectionView, RequestDetail, RequestFilter, RequestId, RequestSummary,
    Restore, Scheduled, StateChangeView, StateEntry, StateStore, StateView, Versioned,
};
use tollgate_base::event::{Event, EventId, HandlerName};

impl StateStore for PostgresLedger {
    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        let (handler, key) = (handler.clone(), key.to_owned());
        self.read(move |conn| async move { state::get(&conn, &handler, &key).await })
    }

    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        let (handler, prefix) = (handler.clone(), prefix.to_owned());
        let after = after.map(str::to_owned);
        self.read(move |conn| async move {
            state::list(&conn, &handler, &prefix, after.as_deref(), limit).await
        })
    }
}

impl Records for PostgresLedger {
    fn events(
        &self,
        filter: &RecordFilter,
        page: &Page,
    ) -> Result<Listed<EventSummary>, ListError> {
        let (filter, span) = (filter.clone(), Span::of(RecordList::Events, page)?);
        let read =
            self.list(move |conn| async move { records::events(&conn, &filter, span).await });
        Ok(read?)
    }

    fn event(&self, id: EventId) -> Result<Option<EventDetail>, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.list(move |conn| async move { records::event(&conn, id, ahead).await })
    }

    fn ids_between(
        &self,
        first: EventId,
        last: EventId,
        limit: usize,
    ) -> Result<Vec<EventId>, LedgerError> {
        self.read(move |conn| async move { records::ids_between(&conn, first, last, limit).await })
    }

    fn event_to_run(&self, id: EventId) -> Result<Option<Event>, LedgerError> {
        self.list(move |conn| async move { records::event_to_run(&conn, id).await })
    }

    fn deliveries(
        &self,
        filter: &RecordFilter,
        page: &Page,
    ) -> Result<Listed<DeliverySummary>, ListError> {
        let (filter, span) = (filter.clone(), Span::of(RecordList::Deliveries, page)?);
        let ahead = self.core.clock.ahead();
        let read =
            self.list(
                move |conn| async move { records::deliveries(&conn, &filter, span, ahead).await },
            );
        Ok(read?)
    }

    fn delivery(&self, seq: DeliveryId) -> Result<Option<DeliveryDetail>, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.list(move |conn| async move { records::delivery(&conn, seq, ahead).await })
    }

    fn recorded(&self, seq: DeliveryId) -> Result<Option<RecordedRun>, LedgerError> {
        self.list(move |conn| async move { records::recorded(&conn, seq).await })
    }

    fn requests(
        &self,
        filter: &RequestFilter,
        page: &Page,
    ) -> Result<Listed<RequestSummary>, ListError> {
        let (filter, span) = (filter.clone(), Span::of(RecordList::Requests, page)?);
        let ahead = self.core.clock.ahead();
        let read = self
            .read(move |conn| async move { records::requests(&conn, &filter, span, ahead).await });
        Ok(read?)
    }

    fn request(&self, seq: RequestId) -> Result<Option<RequestDetail>, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.list(move |conn| async move { records::request(&conn, seq, ahead).await })
    }

    fn rejections(
        &self,
        filter: &RejectionFilter,
        page: &Page,
    ) -> Result<Listed<RejectionView>, ListError> {
        let (filter, span) = (filter.clone(), Span::of(RecordList::Rejections, page)?);
        let read =
            self.list(move |conn| async move { records::rejections(&conn, &filter, span).await });
        Ok(read?)
    }

    fn last_cursor(&self, list: RecordList) -> Result<Cursor, LedgerError> {
        self.list(move |conn| async move { small::last_cursor(&conn, list).await })
    }

    fn scheduled(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError> {
        let (handler, ahead) = (handler.cloned(), self.core.clock.ahead());
        self.list(
            move |conn| async move { schedule::list(&conn, handler.as_ref(), limit, ahead).await },
        )
    }

    fn state(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateView>, LedgerError> {
        let (handler, prefix) = (handler.clone(), prefix.to_owned());
        let after = after.map(str::to_owned);
        self.list(move |conn| async move {
            records::state(&conn, &handler, &prefix, after.as_deref(), limit).await
        })
    }

    fn state_value(
        &self,
        handler: &HandlerName,
        key: &str,
    ) -> Result<Option<StateView>, LedgerError> {
        let (handler, key) = (handler.clone(), key.to_owned());
        self.list(move |conn| async move { records::state_value(&conn, &handler, &key).await })
    }

    fn state_changes(
        &self,
        handler: &HandlerName,
        key: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateChangeView>, LedgerError> {
        let (handler, key) = (handler.clone(), key.map(str::to_owned));
        self.list(move |conn| async move {
            records::state_changes(&conn, &handler, key.as_deref(), limit).await
        })
    }

    fn handlers(&self) -> Result<Vec<HandlerName>, LedgerError> {
        self.list(move |conn| async move { small::handlers(&conn).await })
    }

    fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError> {
        self.list(move |conn| async move { small::pauses(&conn).await })
    }

    /// A database that was restored is not told from others: nothing beside it remembers.
    fn restored(&self) -> Result<Option<Restore>, LedgerError> {
        Ok(None)
    }

    fn counts(&self) -> Result<Counts, LedgerError> {
        self.list(move |conn| async move { gauges::counts(&conn).await })
    }
}
