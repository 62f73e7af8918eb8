//! The priority of a thread while a guest computes on it for long.
//!
//! Guest threads have a lower priority than the threads that acknowledge events, but still a share
//! of the processor. A guest that computes for more than some milliseconds may loop for ever. Its
//! thread then runs only while no other thread wants to run. So however many guests loop, a thread
//! that wakes up to acknowledge an event gets a processor at once.

/// Lets this thread run only while no other thread wants to. Returns whether the system agreed.
#[cfg(target_os = "linux")]
pub(crate) fn lower() -> bool {
    schedule(libc::SCHED_IDLE)
}

/// Gives this thread its usual share of the processor again. Returns whether the system agreed: a
/// process needs a right to raise priorities (CAP_SYS_NICE, or RLIMIT_NICE).
#[cfg(target_os = "linux")]
pub(crate) fn restore() -> bool {
    schedule(libc::SCHED_OTHER)
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "no safe wrapper of this call is among the dependencies"
)]
fn schedule(policy: libc::c_int) -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 means the calling thread. The call only reads `parameters`, which live until the
    // call returns.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
}

/// Other systems have no such priority: returns false.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() -> bool {
    false
}

/// Returns true: [`lower`] changes nothing.
#[cfg(not(target_os = "linux"))]
pub(crate) fn restore() -> bool {
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
