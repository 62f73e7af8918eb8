//! Tells of deliveries that are given up. A broken handler may give up thousands a second, so the
//! log takes a few lines a second and says how many it left out.

use parking_lot::Mutex;

use super::job::Job;
use tollgate_base::time::WallTime;

/// The most lines in a second.
const LINES_PER_SECOND: u32 = 5;

/// Counts the lines of the present second.
#[derive(Debug, Default)]
pub(super) struct DeadLetters(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl DeadLetters {
    /// Tells of a delivery that is dead from now on. The reason stands in the ledger: it is the
    /// handler's text, which may hold personal data.
    pub(super) fn tell(&self, job: &Job, outcome: &str, now: WallTime) {
        if let Some(left_out) = self.0.lock().admit(now.as_secs()) {
            let delivery = &job.delivery;
            tracing::warn!(
                handler = %delivery.handler,
                delivery = delivery.id.0,
                event = %delivery.event.id,
                outcome,
                left_out,
                "a delivery is dead; `tollgate deliveries show` has the reason",
            );
        }
    }
}

impl Second {
    /// Counts a line. If the log has room for it, returns the number of lines left out before.
    fn admit(&mut self, second: u64) -> Option<u64> {
        if self.second != second {
            (self.second, self.lines) = (second, 0);
        }
        if self.lines == LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_part_and_then_counted() {
        let mut second = Second::default();
        let told = (0..100).filter_map(|_| second.admit(7)).count();
        assert_eq!(told, 5);
        assert_eq!(second.admit(8), Some(95));
        assert_eq!(second.admit(8), Some(0));
    }
}
