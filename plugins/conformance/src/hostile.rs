//! What a handler might do to hurt the gateway.

use std::hint::black_box;

/// How much is allocated at a time.
const STEP: usize = 1 << 20;

/// Loops until it is stopped.
pub(crate) fn spin_for_ever() -> ! {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}

/// Takes time, by arithmetic that no compiler can leave out.
pub(crate) fn spin(millions: u64) {
    let mut round = 0_u64;
    for _ in 0..millions.saturating_mul(1_000_000) {
        round = black_box(round.wrapping_mul(31).wrapping_add(1));
    }
}

/// Takes memory, and touches it, up to `bytes` or until refused, which is a trap.
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

/// Goes so deep into the stack.
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    if depth == 0 {
        return frame[0];
    }
    let below = recurse(depth - 1);
    // The frame is used after the call, so that the call is no tail call.
    below.wrapping_add(black_box(frame)[1])
}
