//! The file beside the ledger that names the deliveries which run now, one entry for each.
//!
//! An entry must cost next to nothing, since it is written and cleared with every delivery. So
//! each write is one small write to the page cache and is never synced. Such a write survives the
//! end of the process, which a guest may cause, but not the end of the machine. After a power cut
//! the file may hold anything, so each entry has a checksum.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::checksum::fnv1a;
use crate::DeliveryId;
use tollgate_base::files::{open_regular, open_regular_to_write};

/// Bytes of an entry.
const ENTRY: usize = 16;

/// The number of entries: far more than the threads for guests on any machine. A delivery
/// beyond it gets no entry.
const MAX_SLOTS: usize = 65_536;

/// The open file.
pub(crate) struct RunningFile {
    path: PathBuf,
    file: File,
    slots: Mutex<Slots>,
    failed: AtomicBool,
}

impl RunningFile {
    /// Opens the file. Also returns the deliveries that ran when the last process ended; there
    /// are none after a clean end.
    pub(crate) fn open(path: PathBuf) -> io::Result<(Self, Vec<DeliveryId>)> {
        let ran = read(&path)?;
        let file = open_regular_to_write(&path)?;
        let running = Self {
            path,
            file,
            slots: Mutex::default(),
            failed: AtomicBool::new(false),
        };
        Ok((running, ran))
    }

    /// Removes all entries.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Notes that a delivery runs. If the write fails, an attempt may not be counted after a
    /// crash, and nothing else happens. The first failure is logged.
    pub(crate) fn started(&self, delivery: DeliveryId) {
        let slot = self.slots.lock().take(delivery);
        self.write(slot, Some(delivery));
    }

    /// Notes that a delivery runs no more.
    pub(crate) fn stopped(&self, delivery: DeliveryId) {
        let slot = self.slots.lock().of.remove(&delivery);
        if let Some(slot) = slot {
            self.write(slot, None);
            self.slots.lock().free.push(slot);
        }
    }

    fn write(&self, slot: usize, delivery: Option<DeliveryId>) {
        if slot >= MAX_SLOTS {
            return;
        }
        let entry = delivery.map_or([0; ENTRY], |delivery| encode(slot, delivery));
        let written = self.file.write_all_at(&entry, (slot * ENTRY) as u64);
        if let Err(error) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %error,
                file = %self.path.display(),
                "cannot note which deliveries run now; a delivery that ends the process \
                 will not be found out",
            );
        }
    }

    /// Removes the file, after a clean end.
    pub(crate) fn remove(&self) {
        let _ = self.clear();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Which entry of the file names which delivery.
#[derive(Default)]
struct Slots {
    of: HashMap<DeliveryId, usize>,
    free: Vec<usize>,
    /// The first slot that was never used.
    unused: usize,
}

impl Slots {
    fn take(&mut self, delivery: DeliveryId) -> usize {
        let slot = self.of.entry(delivery);
        *slot.or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.unused += 1;
                self.unused - 1
            })
        })
    }
}

/// The deliveries that the file names.
fn read(path: &Path) -> io::Result<Vec<DeliveryId>> {
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(file, (MAX_SLOTS * ENTRY) as u64),
        &mut bytes,
    )?;
    let (entries, _) = bytes.as_chunks::<ENTRY>();
    let mut ran: Vec<_> = entries
        .iter()
        .enumerate()
        .filter_map(|(slot, entry)| decode(slot, entry))
        .collect();
    ran.sort_unstable_by_key(|delivery| delivery.0);
    ran.dedup();
    Ok(ran)
}

fn encode(slot: usize, delivery: DeliveryId) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..8].copy_from_slice(&delivery.0.to_le_bytes());
    entry[8..].copy_from_slice(&checksum(slot, delivery).to_le_bytes());
    entry
}

fn decode(slot: usize, entry: &[u8; ENTRY]) -> Option<DeliveryId> {
    let (halves, _) = entry.as_chunks::<8>();
    let delivery = DeliveryId(i64::from_le_bytes(halves[0]));
    (u64::from_le_bytes(halves[1]) == checksum(slot, delivery)).then_some(delivery)
}

/// Over the slot and the delivery. So neither zeros nor the entry of another slot pass.
fn checksum(slot: usize, delivery: DeliveryId) -> u64 {
    let slot = (slot as u64).to_le_bytes();
    fnv1a(slot.into_iter().chain(delivery.0.to_le_bytes()))
}
