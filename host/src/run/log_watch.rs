//! Watches the ledger's log: a reader that keeps the log from being used anew lets it grow until
//! the disk is full.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use tollgate_base::quantity::about_size;
use tollgate_base::time::WallTime;
use tollgate_ledger::LogSize;

/// The time between two lines in the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The last reading of the log.
#[derive(Debug, Default)]
pub(crate) struct LogWatch {
    /// The folder of the ledger.
    folder: PathBuf,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Reading {
    log: LogSize,
    /// Bytes that are free for files in the folder, if that is known.
    free: Option<u64>,
    told: Option<WallTime>,
}

impl LogWatch {
    /// Watches the log of a ledger in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            reading: Mutex::default(),
        }
    }

    /// Stores a reading, and tells the operator, once a minute, of a log that grows.
    pub(crate) fn set(&self, log: LogSize, now: WallTime) {
        let free = if log.held_up {
            free_space(&self.folder)
        } else {
            None
        };
        self.store(log, free, now);
    }

    fn store(&self, log: LogSize, free: Option<u64>, now: WallTime) {
        let mut reading = self.reading.lock();
        let was_held_up = reading.log.held_up;
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
            (None, _) if was_held_up => {
                reading.told = None;
                tracing::info!("the ledger\'s write-ahead log is used anew");
            }
            _ => {}
        }
    }

    /// The warning about a log that grows, if it grows.
    pub(crate) fn warning(&self) -> Option<String> {
        self.reading.lock().warning()
    }

    /// Why the gateway is not ready, if the disk is in danger.
    pub(crate) fn danger(&self) -> Option<String> {
        self.reading.lock().danger()
    }

    /// The figures as status shows them.
    pub(crate) fn json(&self) -> Value {
        let reading = self.reading.lock();
        json!({ "bytes": reading.log.bytes, "held_up": reading.log.held_up })
    }
}

impl Reading {
    fn warning(&self) -> Option<String> {
        self.log.held_up.then(|| {
            format!(
                "a reader of the ledger, such as sqlite3 or a backup, keeps the write-ahead log \
                 from being used anew: the log has {} and grows until the reader ends",
                about_size(self.log.bytes)
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

/// How many bytes the file system of a folder has free for this user.
fn free_space(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_000_000_000);

    #[test]
    fn a_log_that_grows_is_told_and_a_disk_that_fills_up_is_a_danger() {
        let watch = LogWatch::default();
        let log = |held_up| LogSize {
            bytes: 863_000_000,
            held_up,
        };
        watch.store(log(false), Some(1), NOW);
        assert_eq!((watch.warning(), watch.danger()), (None, None));
        watch.store(log(true), Some(900_000_000), NOW);
        assert!(watch.warning().is_some_and(|text| text.contains("863 MB")));
        assert_eq!(watch.danger(), None);
        watch.store(log(true), Some(800_000_000), NOW);
        assert!(
            watch
                .danger()
                .is_some_and(|text| text.contains("only 800 MB"))
        );
        watch.store(log(true), None, NOW);
        assert_eq!(watch.danger(), None, "nothing is known");
        watch.store(log(false), Some(1), NOW);
        assert_eq!((watch.warning(), watch.danger()), (None, None));
    }

    #[test]
    fn the_free_space_of_a_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_space(folder.path()).is_some_and(|free| free > 0));
        assert_eq!(free_space(Path::new("/no/such/folder")), None);
    }
}
