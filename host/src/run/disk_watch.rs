//! Watches the space on the disk of the data folder.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use tollgate_base::quantity::about_size;

/// The disk is nearly full below this much, or below a tenth of the disk if that is less.
const LITTLE: Limit = Limit {
    bytes: 2 << 30,
    part: 10,
};
/// The disk is about to be full below this much, or below a hundredth of the disk if that is less:
/// twice the write-ahead log between two checkpoints.
const NEARLY_NOTHING: Limit = Limit {
    bytes: 64 << 20,
    part: 100,
};

/// A number of bytes, and a part of the disk.
struct Limit {
    bytes: u64,
    part: u64,
}

/// The space on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    /// The bytes that are free for this user.
    pub(crate) free: u64,
    /// All bytes.
    pub(crate) all: u64,
}

/// The last reading of the disk.
#[derive(Debug, Default)]
pub(crate) struct DiskWatch {
    folder: PathBuf,
    reading: Mutex<Option<DiskSpace>>,
}

impl DiskWatch {
    /// Watches the disk of this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            reading: Mutex::default(),
        }
    }

    /// Takes a reading.
    pub(crate) fn look(&self) {
        *self.reading.lock() = space(&self.folder);
    }

    /// The last reading; `None` if the system does not tell.
    pub(crate) fn space(&self) -> Option<DiskSpace> {
        *self.reading.lock()
    }

    /// The warning about a disk that is nearly full.
    pub(crate) fn warning(&self) -> Option<String> {
        let space = self.space()?;
        (space.is_below(&LITTLE) && !space.is_below(&NEARLY_NOTHING)).then(|| space.text())
    }

    /// Why the gateway is not ready, if the disk is about to be full.
    pub(crate) fn danger(&self) -> Option<String> {
        let space = self.space()?;
        space.is_below(&NEARLY_NOTHING).then(|| space.text())
    }
}

impl DiskSpace {
    /// The free part of the disk, from 0 to 1.
    pub(crate) fn free_share(self) -> f64 {
        self.free as f64 / self.all.max(1) as f64
    }

    fn is_below(self, limit: &Limit) -> bool {
        self.free < limit.bytes.min(self.all / limit.part)
    }

    /// The space as text.
    pub(crate) fn text(self) -> String {
        format!(
            "the disk of the data folder has {} free of {}",
            about_size(self.free),
            about_size(self.all)
        )
    }
}

/// The space on the disk of a folder.
fn space(folder: &Path) -> Option<DiskSpace> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(DiskSpace {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        all: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn of(free: u64, all: u64) -> (bool, bool) {
        let watch = DiskWatch::default();
        *watch.reading.lock() = Some(DiskSpace { free, all });
        (watch.warning().is_some(), watch.danger().is_some())
    }

    #[test]
    fn a_disk_is_told_of_before_it_is_full() {
        assert_eq!(of(3 * GB, 1_000 * GB), (false, false));
        assert_eq!(of(2 * GB, 1_000 * GB), (true, false));
        assert_eq!(of(GB / 20, 1_000 * GB), (false, true));
    }

    #[test]
    fn a_small_disk_is_judged_by_its_size() {
        let disk = 16_000_000;
        assert_eq!(of(disk / 5, disk), (false, false));
        assert_eq!(of(disk / 11, disk), (true, false));
        assert_eq!(of(disk / 101, disk), (false, true));
    }

    #[test]
    fn the_space_of_a_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let watch = DiskWatch::new(folder.path().to_owned());
        assert_eq!(watch.space(), None, "no reading yet");
        watch.look();
        assert!(watch.space().is_some_and(|space| space.all >= space.free));
        assert_eq!(space(Path::new("/no/such/folder")), None);
    }
}
