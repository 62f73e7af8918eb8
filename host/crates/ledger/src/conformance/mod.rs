//! The conformance suite: every guarantee that the traits give, as tests that any engine runs.
//!
//! An engine implements [`Engine`] and calls [`conformance_suite!`](crate::conformance_suite) in a
//! module of its tests. The macro makes one test of each scenario. An engine outside of this
//! package asks for the feature `conformance`.
//!
//! A scenario talks to the ledger through the traits alone. The histories in [`model`] are random:
//! `TOLLGATE_MODEL_SEED` plays one again.

#![allow(
    clippy::unwrap_used,
    reason = "a scenario that fails panics, as a test does"
)]

mod engine;
mod harness;
mod harness_requests;
mod values;

#[doc(hidden)]
pub mod alerts;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod complete;
#[doc(hidden)]
pub mod exchanges;
#[doc(hidden)]
pub mod intervene;
#[doc(hidden)]
pub mod leases;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod order;
#[doc(hidden)]
pub mod outbox;
#[doc(hidden)]
pub mod record;
#[doc(hidden)]
pub mod records;
#[doc(hidden)]
pub mod rejections;
#[doc(hidden)]
pub mod request_leases;
#[doc(hidden)]
pub mod resolve;
#[doc(hidden)]
pub mod retention;
#[doc(hidden)]
pub mod retry_uncounted;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod state_changes;
#[doc(hidden)]
pub mod twins;
#[doc(hidden)]
pub mod waiting;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::*;
use tollgate_base::event::{ComponentDigest, Event, EventId, HandlerName, SourceName};
use tollgate_base::time::SteadyTime;

pub use engine::{Engine, SCHEDULED};
pub(crate) use harness::{Collected, FiredStep, Open, block_on, until};
pub(crate) use values::*;

/// Makes a test of each scenario, for the engine that the expression makes. The expression is
/// evaluated for each test.
#[macro_export]
macro_rules! conformance_suite {
    ($engine:expr, { $($module:ident :: { $($scenario:ident),+ $(,)? }),+ $(,)? }) => {
        $(mod $module {
            use super::*;
            $(#[test]
            fn $scenario() {
                $crate::conformance::$module::$scenario(&$engine);
            })+
        })+
    };
    ($engine:expr) => {
        $crate::conformance_suite!($engine, {
            record::{
                what_is_recorded_is_handed_out_and_read_back,
                a_duplicate_is_recorded_once_and_counted,
                duplicates_within_one_request_and_one_batch,
                one_request_with_new_and_known_events,
                an_event_with_several_keys_is_known_by_any_of_them,
                several_keys_within_one_request,
                an_unrouted_event_is_kept_and_counted,
                a_hash_is_a_duplicate_for_a_time,
                equal_bytes_under_another_id_are_marked_for_a_time,
                many_callers_are_all_answered,
            },
            complete::{
                an_attempt_moves_the_delivery_on,
                an_ended_delivery_is_not_completed_again,
                an_attempt_out_of_turn_changes_nothing,
                effects_of_a_failed_attempt_are_not_applied,
                emitted_events_are_recorded_once,
            },
            state::{
                writes_are_read_back_and_versions_never_repeat,
                a_value_that_changed_since_is_a_conflict,
                a_key_that_appeared_since_is_a_conflict,
                a_deleted_and_set_key_is_a_conflict,
                a_listing_that_changed_since_is_a_conflict,
                adding_never_conflicts,
                adding_to_no_counter_changes_nothing,
                a_counter_loses_no_update,
                listings_are_in_byte_order,
                handlers_do_not_share_state,
            },
            outbox::{
                requests_go_out_in_commit_order,
                a_settled_request_is_not_settled_again,
                requests_are_listed_newest_first,
                an_answer_is_recorded_with_the_end_of_its_request,
                a_dead_request_is_sent_again_behind_all_others,
                a_waiting_request_is_made_due,
                a_cancelled_request_tells_its_handler,
            },
            request_leases::{
                nobody_else_gets_a_leased_request,
                a_request_that_is_given_back_is_found_again,
                a_stale_token_settles_nothing,
                a_lease_ends_with_the_settlement,
                requests_of_one_key_are_leased_one_after_another,
                a_cancelled_request_lets_the_next_of_its_key_go,
                a_requeued_request_joins_the_end_of_its_line,
                a_claim_takes_one_host_and_what_is_due,
                no_lease_of_a_request_outlives_its_process,
            },
            schedule::{
                what_is_scheduled_is_recorded_when_due,
                a_put_replaces_and_a_cancel_removes,
                a_failed_attempt_schedules_nothing,
                a_run_with_the_same_keys_is_recorded_once,
                a_handler_has_so_many_entries_at_most,
                nothing_is_scheduled_beyond_the_horizon,
                many_that_are_due_come_in_steps,
                an_absent_handlers_scheduled_event_is_held,
                entries_that_were_read_and_not_fired_are_due_after_a_crash,
                an_entry_that_changed_since_it_was_read_is_left_out,
                an_entry_is_fired_once_by_all_who_read_it,
            },
            waiting::{
                retries_are_found_when_due,
                pauses_are_remembered,
                the_backlog_is_what_waits,
                pending_is_read_in_bounds,
                absent_handlers_are_held_and_released,
                a_delivery_held_while_it_ran_completes,
                what_runs_alone_is_due_again_after_a_clean_end,
                everything_is_there_after_reopening,
            },
            leases::{
                nobody_else_gets_what_is_leased,
                what_is_given_back_can_be_claimed_again,
                a_stale_token_commits_nothing,
                a_lease_outlives_a_conflict_and_ends_with_a_commit,
                what_a_commit_hands_out_is_leased_by_it,
                a_claim_takes_some_of_each_kind,
                a_held_delivery_is_claimed_once_it_is_served,
                a_lease_does_not_outlive_its_process,
                two_claimers_share_the_deliveries,
                a_claimer_takes_over_what_another_gives_back,
                a_lease_that_has_ended_gives_nothing_up,
            },
            alerts::{
                an_alert_starts_and_ends_once,
                a_notice_is_a_request_of_a_delivery_that_is_done,
                totals_are_those_of_the_counts,
            },
            clock::{
                what_is_due_at_once_is_so_whatever_was_set,
                due_times_go_on_in_the_next_process,
                with_nothing_due_they_begin_at_the_time_of_day,
                what_waits_is_as_old_as_it_is,
                a_clock_that_is_set_forward_prunes_nothing,
                due_times_are_shown_by_the_time_of_day_that_is_set,
            },
            resolve::{
                deliveries_wait_until_their_event_is_resolved,
                what_waits_for_its_object_is_not_blocked,
                an_event_without_a_handler_waits_for_nothing,
                a_try_that_failed_is_shown_and_due_later,
                one_claimer_has_an_event_and_a_stale_token_changes_nothing,
                waiting_events_keep_the_order_of_their_key,
                a_crash_loses_neither_a_question_nor_an_answer,
                a_replay_has_what_was_told_or_asks_anew,
                one_that_blocks_its_key_waits_when_it_asks_anew,
                what_was_told_goes_with_the_event,
                one_that_is_cancelled_makes_way,
                an_absent_handlers_delivery_is_held_meanwhile,
                a_later_route_waits_too,
                sources_are_claimed_apart_and_hastened,
            },
            twins::{
                a_snapshot_takes_the_place_of_a_twin_that_waits,
                each_handler_gets_one_of_twins_that_go_to_different_handlers,
                a_snapshot_without_a_handler_replaces_nothing,
                a_snapshot_is_recorded_beside_a_twin_whose_object_is_gone,
                a_snapshot_is_a_duplicate_of_a_twin_with_its_object,
                a_question_ends_with_the_last_delivery_that_waits_for_it,
                a_retry_of_what_waits_hurries_the_question,
            },
            retention::{
                what_ended_is_pruned_in_its_time,
                what_has_not_ended_is_never_pruned,
                keys_outlive_their_events,
                several_keys_go_with_their_event,
                keys_of_emitted_events_outlive_who_could_emit_them,
                numbers_are_not_given_again,
                payloads_are_erased_once_done,
                an_event_is_erased_on_demand,
                many_are_pruned_in_small_steps,
                a_sweep_ends_though_more_falls_due_meanwhile,
                what_handlers_make_is_erased_as_they_say,
                erasing_an_event_empties_what_it_scheduled,
            },
            retry_uncounted::{
                what_a_component_at_fault_failed_is_due_again,
                a_great_many_are_retried_uncounted_in_steps,
                a_cancelled_request_keeps_no_delivery_back,
            },
            exchanges::{
                answers_are_recorded_with_the_attempt_and_given_to_a_replay,
                a_replay_may_ask_anew,
                answers_go_with_the_event,
            },
            intervene::{
                an_ended_delivery_runs_again,
                an_attempt_of_an_earlier_run_is_stale,
                an_open_delivery_is_cancelled_and_stays_listed,
                a_retry_is_brought_forward,
                a_step_that_is_asked_for_twice_is_done_once,
                the_recorded_component_is_what_the_last_attempt_ran,
                an_event_is_routed_to_who_has_not_had_it,
            },
            state_changes::{
                a_value_says_what_wrote_it,
                changes_of_state_are_on_record_without_values,
                values_are_changed_all_or_none,
                a_run_that_read_what_an_operator_changed_runs_anew,
                old_changes_of_state_are_forgotten,
            },
            rejections::{
                refused_requests_are_kept_and_found,
                old_rejections_are_forgotten,
            },
            records::{
                lists_are_read_page_by_page,
                a_walk_ends_where_it_is_told_to,
                events_are_found_by_the_beginning_of_their_ids,
                a_cursor_is_of_one_list,
            },
            order::{
                later_ones_of_a_key_wait_for_their_turn,
                one_that_is_tried_again_holds_its_key,
                a_dead_one_holds_its_key_where_that_is_asked_for,
                one_that_is_given_up_makes_way,
                the_order_outlives_a_restart,
                what_is_held_keeps_its_order,
                behind_a_dead_one_of_an_absent_handler_is_held,
                the_newest_is_forgotten_with_what_it_is_compared_to,
                the_newest_stays_while_something_older_is_kept,
                a_crash_lets_nobody_past,
                an_older_one_is_not_done_after_a_newer_one,
                what_an_operator_does_keeps_the_order,
                random_histories_keep_the_order,
            },
            model::{random_histories_match_the_model},
        });
    };
}
