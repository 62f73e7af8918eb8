//! When certificates are ordered.

use std::time::Duration;

use tollgate_base::time::WallTime;

/// The wait after the first failure; each further one doubles it. So there are four tries in the
/// first hour: Let's Encrypt stops at five failed validations of a host in an hour.
const FIRST_WAIT: Duration = Duration::from_secs(5 * 60);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

/// The wait after so many failures.
pub(super) fn wait(failed: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

/// When a certificate is renewed: at two thirds of its life.
pub(super) fn renewal_of(not_before: WallTime, not_after: WallTime) -> WallTime {
    not_before + not_after.since(not_before) * 2 / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_six_hours() {
        let minutes = [1, 2, 3, 4, 7, 8, 100].map(|failed| wait(failed).as_secs() / 60);
        assert_eq!(minutes, [5, 10, 20, 40, 320, 360, 360]);
    }

    #[test]
    fn a_certificate_of_ninety_days_is_renewed_after_sixty() {
        let day = |n: u64| WallTime::from_secs(n * 86_400);
        assert_eq!(renewal_of(day(100), day(190)), day(160));
    }
}
