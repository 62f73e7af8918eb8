//! The steps of a history.

use proptest::prelude::*;

use crate::conformance::*;

/// One step of a history. Numbers choose among the present items.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Events with these ids, each for the handlers that the bits name.
    Record(Vec<(u8, u8)>),
    Complete(Attempted),
    Settle(usize, OutboxNext),
    Fire(u64),
    /// The end of a try to resolve an event.
    Resolve(usize, Answered),
    Hasten,
    Hold(u8),
    /// A delivery is to run alone.
    RunAlone(usize),
    /// A delivery is given up, and holds its key from then on or not.
    GiveUp(usize, bool),
    /// Dead deliveries of the handlers that the bits name hold their keys no longer.
    ReleaseOrderKeys(u8),
    /// An operator does something to deliveries, as part of a request that may have a name.
    Operate(Vec<usize>, Operation, Option<u8>),
    /// An operator has a request sent again, or cancels it.
    Request(usize, bool),
    /// An operator has something scheduled now, or cancels it.
    Reschedule(usize, bool),
    /// Deliveries of a handler run again that broke down on a component at fault.
    RetryUncounted(u8, u8),
    /// An event goes to the handlers that the bits name.
    Route(usize, u8),
    /// A handler is paused, perhaps with its outbox, or resumed.
    Pause(u8, Option<bool>),
    /// A sweep this many hours later, by one of the retention settings.
    Sweep(u8, u8),
    Erase(usize),
    Reopen,
    /// A kill while these were under way.
    Crash(Vec<usize>),
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempted {
    pub(super) which: usize,
    pub(super) ending: Ending,
    pub(super) writes: Vec<(u8, Write)>,
    /// How new the fact is.
    pub(super) rank: u8,
    /// A value that the run read has changed since.
    pub(super) stale: bool,
    /// It began in an earlier run of the delivery.
    pub(super) late: bool,
}

/// The answer of the provider's API.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answered {
    Found,
    Gone,
    Nothing,
    Later(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Done,
    Ignored,
    Retry(u64),
    Dead,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Write {
    Set(i8),
    Delete,
    Add(i8),
    Request,
    Emit,
    Schedule(u64),
    Cancel,
}

/// An operator's action on deliveries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Retry,
    Cancel,
    /// The flag asks for the objects anew.
    Replay(ReplayKeys, ReplayComponent, bool),
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let keys = prop_oneof![1 => Just(ReplayKeys::New), 2 => Just(ReplayKeys::Same)];
    let component = prop_oneof![
        Just(ReplayComponent::Current),
        Just(ReplayComponent::Recorded)
    ];
    prop_oneof![
        1 => Just(Operation::Retry),
        2 => Just(Operation::Cancel),
        6 => (keys, component, prop::bool::weighted(0.3))
            .prop_map(|(keys, of, refetch)| Operation::Replay(keys, of, refetch)),
    ]
}

pub(super) fn attempted() -> impl Strategy<Value = Attempted> {
    let ending = prop_oneof![
        5 => Just(Ending::Done),
        1 => Just(Ending::Ignored),
        2 => (0..50_u64).prop_map(Ending::Retry),
        2 => Just(Ending::Dead),
    ];
    let write = prop_oneof![
        any::<i8>().prop_map(Write::Set),
        Just(Write::Delete),
        any::<i8>().prop_map(Write::Add),
        Just(Write::Request),
        Just(Write::Emit),
        (0..50_u64).prop_map(Write::Schedule),
        Just(Write::Cancel),
    ];
    (
        any::<usize>(),
        ending,
        prop::collection::vec((0..4_u8, write), 0..4),
        0..10_u8,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(which, ending, writes, rank, stale, late)| Attempted {
            which,
            ending,
            writes,
            rank,
            stale,
            late,
        })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let settled = prop_oneof![
        Just(OutboxNext::Sent),
        Just(OutboxNext::Dead),
        (0..50_u64).prop_map(|wait| OutboxNext::Waiting {
            due: STEADY + ms(wait)
        }),
    ];
    let answered = prop_oneof![
        4 => Just(Answered::Found),
        1 => Just(Answered::Gone),
        1 => Just(Answered::Nothing),
        2 => (0..50_u64).prop_map(Answered::Later),
    ];
    let operated = (
        prop::collection::vec(any::<usize>(), 1..4),
        operation(),
        prop::option::of(0..3_u8),
    );
    let retried = (0..3_u8, 0..3_u8);
    let paused = (0..3_u8, prop::option::of(any::<bool>()));
    prop_oneof![
        8 => prop::collection::vec((0..80_u8, 0..8_u8), 1..4).prop_map(Step::Record),
        20 => attempted().prop_map(Step::Complete),
        4 => (any::<usize>(), settled).prop_map(|(which, next)| Step::Settle(which, next)),
        4 => (0..50_u64).prop_map(Step::Fire),
        8 => (any::<usize>(), answered).prop_map(|(which, how)| Step::Resolve(which, how)),
        1 => Just(Step::Hasten),
        1 => (0..8_u8).prop_map(Step::Hold),
        2 => Just(Step::Hold(7)),
        1 => any::<usize>().prop_map(Step::RunAlone),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, holds)| Step::GiveUp(which, holds)),
        1 => (0..8_u8).prop_map(Step::ReleaseOrderKeys),
        5 => operated.prop_map(|(which, what, batch)| Step::Operate(which, what, batch)),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, again)| Step::Request(which, again)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, now)| Step::Reschedule(which, now)),
        2 => retried.prop_map(|(of, component)| Step::RetryUncounted(of, component)),
        1 => (any::<usize>(), 0..8_u8).prop_map(|(which, to)| Step::Route(which, to)),
        1 => paused.prop_map(|(of, outbox)| Step::Pause(of, outbox)),
        2 => (0..30_u8, 0..3_u8).prop_map(|(hours, which)| Step::Sweep(hours, which)),
        1 => any::<usize>().prop_map(Step::Erase),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(any::<usize>(), 0..4).prop_map(Step::Crash),
    ]
}
