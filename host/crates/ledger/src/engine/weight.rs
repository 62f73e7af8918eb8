//! How heavy a completion is in the queue before the writer.

use super::BASE_WEIGHT;
use crate::{Completion, Effects, Exchange, ScheduleWrite, StateWrite};

/// About how many bytes a completion holds, without emitted events.
pub(crate) fn completion_weight(completion: &Completion) -> usize {
    let exchanges = completion.exchanges.iter().map(Exchange::weight);
    completion.attempt.logs.len() + effects_weight(&completion.effects) + exchanges.sum::<usize>()
}

/// About how many bytes the effects hold, without emitted events.
fn effects_weight(effects: &Effects) -> usize {
    let state = effects.state.iter().map(|(key, write)| {
        key.len()
            + match write {
                StateWrite::Set(value) => value.len(),
                _ => 0,
            }
    });
    let outbox = effects.outbox.iter().map(|request| {
        let headers: usize = request.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        BASE_WEIGHT + request.url.len() + headers + request.body.len()
    });
    let schedule = effects.schedule.iter().map(|(key, write)| {
        key.len()
            + match write {
                ScheduleWrite::Put(new) => BASE_WEIGHT + new.payload.len(),
                ScheduleWrite::Cancel => 0,
            }
    });
    state.sum::<usize>() + outbox.sum::<usize>() + schedule.sum::<usize>()
}
