//! The priority of a thread while a guest computes on it for long.
//!
//! Guest threads have a lower priority than those that acknowledge, but still a share of
//! the processor. A guest that has not ended after some milliseconds may be one that never
//! does; its thread then runs only while nothing else wants to, so that however many loop,
//! a thread that wakes up to acknowledge has a processor at once.

/// Lets this thread run only when no other wants to. Returns whether it does.
#[cfg(target_os = "linux")]
pub(super) fn lower() -> bool {
    schedule(libc::SCHED_IDLE)
}

/// Gives this thread its usual share again. Returns whether it has it: a process without
/// the right to raise priorities (CAP_SYS_NICE, or RLIMIT_NICE) cannot.
#[cfg(target_os = "linux")]
pub(super) fn restore() -> bool {
    schedule(libc::SCHED_OTHER)
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "no safe wrapper of this call is among the dependencies"
)]
fn schedule(policy: libc::c_int) -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 means the calling thread, and the call only reads `parameters`, which lives
    // until it returns.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
}

/// Other systems have no such priority.
#[cfg(not(target_os = "linux"))]
pub(super) fn lower() -> bool {
    false
}

/// See [`lower`].
#[cfg(not(target_os = "linux"))]
pub(super) fn restore() -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_lowered_without_any_right() {
        std::thread::spawn(|| assert!(lower())).join().unwrap();
    }
}
