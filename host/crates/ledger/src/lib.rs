//! The durable store of events, deliveries, attempts, handlers' state and schedules, and
//! the outbox.
//!
//! The traits speak of what happens to an event, not of tables: record, complete, settle,
//! list. Each trait is one role, and each caller takes the roles that it uses;
//! [`Ledger`] is their sum, for the place that opens one. There are three styles of calls:
//!
//! - A read is a plain call that may block for the time of a few short statements.
//! - A write that its caller waits for is a plain call that blocks until it is durable.
//! - A write on the way of every event ([`Intake::record`], [`Deliveries::complete_then`],
//!   [`OutboxStore::settle`]) does not make its thread wait for the commit: it resolves a
//!   future or calls back.
//!
//! `Ok` from a write means that it is on disk. Writes of concurrent callers share a commit.
//!
//! Features: `sqlite` has the embedded engine and `open`; without it the package has traits and
//! values alone. `conformance` has the suite that every engine's tests run.

mod alerts;
mod attempt;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod deliveries;
mod delivery;
mod effects;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod engine;
mod error;
mod exchange;
mod gauges;
mod inapplicable;
mod intake;
mod intervene;
mod lease;
#[cfg(feature = "sqlite")]
mod maintain;
mod millis;
mod names;
#[cfg(feature = "sqlite")]
mod open;
mod operators;
mod order;
mod outbox;
#[cfg(feature = "postgres")]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "no URL leads to this engine yet: its tests alone open it"
    )
)]
mod postgres;
mod records;
mod rejections;
mod request;
mod resolution;
mod restore;
mod retention;
mod schedule;
mod shutdown;
mod sink;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;

pub use alerts::{AlertChange, AlertStore, LastingAlert};
pub use attempt::{Attempt, AttemptOutcome, Completed, Completion, NextState};
pub use deliveries::{Claimed, CompletionCallback, Deliveries, LeasedDelivery, Served};
pub use delivery::{Delivery, DeliveryId, DeliveryState, Pause};
pub use effects::{Effects, Read, StateWrite, counter_after};
pub use error::{LedgerError, ListError};
pub use exchange::{Exchange, ExchangeAnswer, RequestDigest, Unanswered};
pub use gauges::{Backlog, Commits, Counts, Gauges, LogSize, Totals};
pub use inapplicable::Inapplicable;
pub use intake::{EqualBytes, EventForm, Intake, NewEvent, RecordFuture, Recorded, SAME_BYTES_AS};
pub use intervene::{
    Action, Intervened, Intervention, ReplayComponent, ReplayKeys, RoutedAnew, StateChange,
};
pub use lease::{Leasable, Lease, LeaseRegistry, Token};
#[cfg(feature = "sqlite")]
pub use maintain::{BackedUp, Restored, Verified};
pub use millis::Millis;
#[cfg(feature = "sqlite")]
pub use open::{LedgerUrl, MaintainError, OpenError, backup, open, open_to_read, restore, verify};
pub use operators::Operators;
pub use order::{OrderEffect, OrderKey, Rank, Recipient};
pub use outbox::{ClaimedRequests, LeasedRequest, OutboxStore, Settled, SettlementCallback};
pub use records::{
    AttemptView, Blocker, Cursor, DeliveryBrief, DeliveryDetail, DeliverySummary, EmittedView,
    EventDetail, EventSummary, ExchangeView, FindError, InterventionView, ListOrder, Listed, Page,
    Payload, PayloadFilter, RecordFilter, RecordList, RecordedEmission, RecordedEnd, RecordedRun,
    Records, RejectionFilter, RejectionView, RequestDetail, RequestFilter, RequestSummary,
    RequestView, ResolvedView, ResolvingView, ScheduledView, StateChangeView, StateFilter,
    StateView, ToldView, TryView, find_event, without_query,
};
pub use rejections::{Rejection, RejectionBounds, RejectionStore};
pub use request::{
    NewRequest, OutboxEntry, OutboxNext, OutboxRequest, OutboxState, RequestHost, RequestId,
    Requeued, Respond, Settlement,
};
pub use resolution::{
    ClaimedResolutions, LeasedResolution, Resolution, ResolutionCallback, ResolutionEnd,
    ResolutionId, ResolutionSettled, ResolutionStore, Resolved, Told, TriedResolution,
    WaitingResolutions,
};
pub use restore::Restore;
pub use retention::{
    Erased, Erasure, KeyRetention, Retention, RetentionStore, SourceRetention, Swept,
};
pub use schedule::{
    Due, DueEntries, DueEntry, EntryVersion, Fired, NewScheduled, SCHEDULE_HORIZON, ScheduleStore,
    ScheduleWrite, Scheduled,
};
pub use shutdown::Shutdown;
pub use sink::LedgerSink;
pub use state::{StateEntry, StateStore, Version, Versioned};

/// All roles of a ledger that serves. Every method may be called from any thread.
pub trait Ledger:
    Intake
    + Deliveries
    + StateStore
    + OutboxStore
    + ScheduleStore
    + ResolutionStore
    + Operators
    + AlertStore
    + RetentionStore
    + RejectionStore
    + Gauges
    + Records
    + Shutdown
{
}

impl<L> Ledger for L where
    L: Intake
        + Deliveries
        + StateStore
        + OutboxStore
        + ScheduleStore
        + ResolutionStore
        + Operators
        + AlertStore
        + RetentionStore
        + RejectionStore
        + Gauges
        + Records
        + Shutdown
{
}

/// The roles of a ledger that is only read.
pub trait ReadLedger: StateStore + Records {}

impl<L> ReadLedger for L where L: StateStore + Records {}
