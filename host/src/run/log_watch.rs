//! Watches the ledger's log: a reader that keeps the log from being used anew lets it grow until
//! the disk is full.

use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use tollgate_base::quantity::about_size;
use tollgate_base::time::WallTime;
use tollgate_ledger::LogSize;

/// The time between two lines in the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A log of this many bytes is far beyond its size: eight times what it has between two
/// checkpoints.
const FAR_BEYOND: u64 = 256 << 20;

/// The last reading of the log.
#[derive(Debug, Default)]
pub(crate) struct LogWatch(Mutex<Reading>);

#[derive(Debug, Default, Clone, Copy)]
struct Reading {
    log: LogSize,
    /// Bytes that are free for files in the folder, if that is known.
    free: Option<u64>,
    told: Option<WallTime>,
}

impl LogWatch {
    /// Stores a reading, with the bytes that are free on the disk if that is known. Tells the
    /// operator, once a minute, of a log that grows.
    pub(crate) fn set(&self, log: LogSize, free: Option<u64>, now: WallTime) {
        let mut reading = self.0.lock();
        let was_told = reading.told.is_some();
        (reading.log, reading.free) = (log, free);
        let due = reading
            .told
            .is_none_or(|told| now < told || now.since(told) >= TELL_EVERY);
        match (reading.warning(), reading.danger()) {
            (Some(text), danger) if due => {
                reading.told = Some(now);
                match danger {
                    Some(danger) => tracing::error!("{text}; {danger}"),
                    None => tracing::warn!("{text}"),
                }
            }
            (None, _) if was_told => {
                reading.told = None;
                tracing::info!("the ledger\'s write-ahead log is used anew");
            }
            _ => {}
        }
    }

    /// The warning about a log that grows, if it grows.
    pub(crate) fn warning(&self) -> Option<String> {
        self.0.lock().warning()
    }

    /// Why the gateway is not ready, if the disk is in danger.
    pub(crate) fn danger(&self) -> Option<String> {
        self.0.lock().danger()
    }

    /// The length of the log in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.lock().log.bytes
    }

    /// The figures as status shows them.
    pub(crate) fn json(&self) -> Value {
        let reading = self.0.lock();
        json!({ "bytes": reading.log.bytes, "held_up": reading.log.held_up })
    }
}

impl Reading {
    fn warning(&self) -> Option<String> {
        let size = about_size(self.log.bytes);
        if self.log.held_up {
            return Some(format!(
                "a reader of the ledger, such as sqlite3 or a backup, keeps the write-ahead log \
                 from being used anew: the log has {size} and grows until the reader ends"
            ));
        }
        (self.log.bytes >= FAR_BEYOND).then(|| {
            format!(
                "the ledger's write-ahead log has {size}, far more than between two checkpoints: \
                 the disk may be too slow for what is written"
            )
        })
    }

    /// The disk is in danger if less is free than the log has taken by now: it may take as much
    /// again, and completions need room longer than new events do.
    fn danger(&self) -> Option<String> {
        let free = self.free.filter(|free| *free < self.log.bytes)?;
        self.log.held_up.then(|| {
            format!(
                "the ledger\'s write-ahead log has {}, and only {} are free on its disk",
                about_size(self.log.bytes),
                about_size(free)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_000_000_000);

    #[test]
    fn a_log_that_grows_is_told_and_a_disk_that_fills_up_is_a_danger() {
        let watch = LogWatch::default();
        let log = |held_up| LogSize {
            bytes: if held_up { 863_000_000 } else { 32_000_000 },
            held_up,
        };
        watch.set(log(false), Some(1), NOW);
        assert_eq!((watch.warning(), watch.danger()), (None, None));
        watch.set(log(true), Some(900_000_000), NOW);
        assert!(watch.warning().is_some_and(|text| text.contains("863 MB")));
        assert_eq!(watch.danger(), None);
        watch.set(log(true), Some(800_000_000), NOW);
        assert!(
            watch
                .danger()
                .is_some_and(|text| text.contains("only 800 MB"))
        );
        watch.set(log(true), None, NOW);
        assert_eq!(watch.danger(), None, "nothing is known");
        watch.set(log(false), Some(1), NOW);
        assert_eq!((watch.warning(), watch.danger()), (None, None));
    }

    #[test]
    fn a_log_far_beyond_its_size_is_told_though_nobody_reads() {
        let watch = LogWatch::default();
        let log = |bytes| LogSize {
            bytes,
            held_up: false,
        };
        watch.set(log(FAR_BEYOND), None, NOW);
        assert!(watch.warning().is_some_and(|text| text.contains("268 MB")));
        watch.set(log(FAR_BEYOND - 1), None, NOW);
        assert_eq!(watch.warning(), None);
    }
}
