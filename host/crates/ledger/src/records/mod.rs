//! The records for operators: lists with filters, and all details of one event, delivery or
//! request.

mod filter;
mod find;
mod page;
mod recorded;
mod rejection;
mod views;

use super::{Counts, DeliveryId, LedgerError, ListError, Pause, RequestId, Restore, Scheduled};
use tollgate_base::event::{Event, EventId, HandlerName};

pub use filter::{PayloadFilter, RecordFilter, RejectionFilter, RequestFilter, StateFilter};
pub use find::{FindError, find_event};
pub use page::{Cursor, ListOrder, Listed, Page, RecordList};
pub use recorded::{RecordedEmission, RecordedEnd, RecordedRun};
pub use rejection::RejectionView;
pub use views::{
    AttemptView, Blocker, DeliveryBrief, DeliveryDetail, DeliverySummary, EmittedView, EventDetail,
    EventSummary, ExchangeView, InterventionView, Payload, RequestDetail, RequestSummary,
    RequestView, ResolvedView, ResolvingView, ScheduledView, StateChangeView, StateView, ToldView,
    TryView, without_query,
};

/// Reads everything that is on record. A ledger that no gateway serves can be read, too.
///
/// Each call runs a few short statements over a bounded number of rows. Each call may block. A
/// call with a [`Page`] answers [`ListError::InvalidCursor`] to a cursor that is not of its list
/// or that the engine does not keep any more.
pub trait Records: Send + Sync + 'static {
    /// A page of the events that match the filter.
    fn events(&self, filter: &RecordFilter, page: &Page)
    -> Result<Listed<EventSummary>, ListError>;

    /// All details of one event; `None` if the ledger has no event with this id.
    fn event(&self, id: EventId) -> Result<Option<EventDetail>, LedgerError>;

    /// The ids of events from `first` to `last`, in order: `limit` at most. Pruned events are not
    /// among them.
    fn ids_between(
        &self,
        first: EventId,
        last: EventId,
        limit: usize,
    ) -> Result<Vec<EventId>, LedgerError>;

    /// The event with this id as handlers receive it; `None` if its payload is no longer whole.
    fn event_to_run(&self, id: EventId) -> Result<Option<Event>, LedgerError>;

    /// A page of the deliveries that match the filter.
    fn deliveries(
        &self,
        filter: &RecordFilter,
        page: &Page,
    ) -> Result<Listed<DeliverySummary>, ListError>;

    /// All details of one delivery; `None` if the ledger has no such delivery.
    fn delivery(&self, seq: DeliveryId) -> Result<Option<DeliveryDetail>, LedgerError>;

    /// The input and the effects of a delivery's last attempt; `None` if the delivery had no
    /// attempt, or if the payload of its event is no longer whole.
    fn recorded(&self, seq: DeliveryId) -> Result<Option<RecordedRun>, LedgerError>;

    /// A page of the outbox requests that match the filter.
    fn requests(
        &self,
        filter: &RequestFilter,
        page: &Page,
    ) -> Result<Listed<RequestSummary>, ListError>;

    /// All details of one request; `None` if the ledger has no such request.
    fn request(&self, seq: RequestId) -> Result<Option<RequestDetail>, LedgerError>;

    /// A page of the refused requests that match the filter.
    fn rejections(
        &self,
        filter: &RejectionFilter,
        page: &Page,
    ) -> Result<Listed<RejectionView>, ListError>;

    /// The cursor at the newest item of a list, for [`Page::until`].
    fn last_cursor(&self, list: RecordList) -> Result<Cursor, LedgerError>;

    /// Scheduled events of one handler, or of all handlers, in the order of their due times.
    fn scheduled(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError>;

    /// Values of a handler's state whose keys begin with `prefix` and come after `after`, in byte
    /// order, `limit` at most.
    fn state(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateView>, LedgerError>;

    /// One value of a handler's state; `None` if the key is absent.
    fn state_value(
        &self,
        handler: &HandlerName,
        key: &str,
    ) -> Result<Option<StateView>, LedgerError>;

    /// The last changes of operators to a handler's state, the newest first: of one key, or of
    /// all.
    fn state_changes(
        &self,
        handler: &HandlerName,
        key: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateChangeView>, LedgerError>;

    /// Every handler whose name is in the ledger, by name.
    fn handlers(&self) -> Result<Vec<HandlerName>, LedgerError>;

    /// The handlers that are paused.
    fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError>;

    /// The last restore of the ledger, if no operator has released it.
    fn restored(&self) -> Result<Option<Restore>, LedgerError>;

    /// Counts of everything in the ledger.
    fn counts(&self) -> Result<Counts, LedgerError>;
}
