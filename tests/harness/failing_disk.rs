//! A disk that fails under a gateway: see `tests/faults/disk.c`.

use std::fs;
use std::path::PathBuf;

use rustix::io::Errno;

use super::preload::library;
use super::{Launch, Site};

/// The disk of the gateways that start on it.
pub(crate) struct FailingDisk {
    library: PathBuf,
    fault: PathBuf,
}

/// The errors of the disk's calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DiskFault {
    pub(crate) write: Option<Errno>,
    pub(crate) sync: Option<Errno>,
}

impl FailingDisk {
    /// Makes a disk that works.
    pub(crate) fn new(site: &Site) -> Self {
        let disk = Self {
            library: library(site, "faults/disk.c"),
            fault: site.path("disk.fault"),
        };
        fs::write(&disk.fault, [0; 8]).unwrap();
        disk
    }

    /// Prepares a gateway on this disk.
    pub(crate) fn under(&self, site: &Site) -> Launch {
        Launch::new(site)
            .env("LD_PRELOAD", &self.library)
            .env("DISK_FAULT", &self.fault)
    }

    /// Makes the disk fail like this from now on. The default fault makes it work.
    pub(crate) fn fails(&self, fault: DiskFault) {
        use std::os::unix::fs::FileExt;
        let number = |errno: Option<Errno>| errno.map_or(0, Errno::raw_os_error).to_ne_bytes();
        let file = fs::File::options().write(true).open(&self.fault).unwrap();
        // The write happens in place, because the gateway has mapped the file.
        let both = [number(fault.write), number(fault.sync)].concat();
        file.write_all_at(&both, 0).unwrap();
    }
}
