//! Behaviour of a handler that tries to hurt the gateway.

use std::hint::black_box;

/// The size of one allocation in bytes.
const STEP: usize = 1 << 20;

/// Loops until the gateway stops the run.
pub(crate) fn spin_for_ever() -> ! {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}

/// Spends time on arithmetic that the compiler cannot remove.
pub(crate) fn spin(millions: u64) {
    let mut round = 0_u64;
    for _ in 0..millions.saturating_mul(1_000_000) {
        round = black_box(round.wrapping_mul(31).wrapping_add(1));
    }
}

/// Allocates and touches memory up to `bytes`. Traps if the gateway refuses more. Returns the
/// allocated number of bytes.
pub(crate) fn allocate(bytes: usize) -> usize {
    let mut held = Vec::new();
    let mut total = 0;
    while total < bytes {
        let step = STEP.min(bytes - total);
        held.push(black_box(vec![1_u8; step]));
        total += step;
    }
    black_box(&held);
    total
}

/// Recurses to this depth of the stack.
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if depth == 0 {
        return frame[0];
    }
    let below = recurse(depth - 1);
    // The frame is used after the call, so the compiler cannot make it a tail call.
    below.wrapping_add(black_box(frame)[1])
}
