//! Marks of the deliveries that are under way, in a small file beside the ledger.
//!
//! A mark must cost next to nothing, since it is set and cleared with every delivery.
//! So it is one small write to the page cache, never synced: that survives the end of
//! the process, which is what a guest may bring about, though not that of the machine.
//! After a power cut the file may hold anything; each mark carries a checksum.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::DeliverySeq;

const MARK: usize = 16;

/// Slots beyond this are not marked: far more guest threads than any machine runs.
const MAX_SLOTS: usize = 65_536;

/// The file of marks.
pub(super) struct Running {
    path: PathBuf,
    file: File,
    failed: AtomicBool,
}

impl Running {
    /// Opens the file and returns the deliveries that were under way when the ledger
    /// was last in use; none after a clean end.
    pub(super) fn open(path: PathBuf) -> io::Result<(Self, Vec<DeliverySeq>)> {
        let marked = read(&path)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        let running = Self {
            path,
            file,
            failed: AtomicBool::new(false),
        };
        Ok((running, marked))
    }

    /// Forgets all marks.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Marks a delivery as under way in a slot, or the slot as free. A failure costs no
    /// more than an attempt that is not counted; the first one is logged.
    pub(super) fn note(&self, slot: usize, delivery: Option<DeliverySeq>) {
        if slot >= MAX_SLOTS {
            return;
        }
        let mark = delivery.map_or([0; MARK], |delivery| encode(slot, delivery));
        let written = self.file.write_all_at(&mark, (slot * MARK) as u64);
        if let Err(error) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %error,
                file = %self.path.display(),
                "cannot note which deliveries are under way; one that ends the process \
                 will not be found out",
            );
        }
    }

    /// Removes the file, after a clean end.
    pub(super) fn remove(&self) {
        let _ = self.clear();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn read(path: &Path) -> io::Result<Vec<DeliverySeq>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(file, (MAX_SLOTS * MARK) as u64),
        &mut bytes,
    )?;
    let (marks, _) = bytes.as_chunks::<MARK>();
    let mut marked: Vec<_> = marks
        .iter()
        .enumerate()
        .filter_map(|(slot, mark)| decode(slot, mark))
        .collect();
    marked.sort_unstable();
    marked.dedup();
    Ok(marked)
}

fn encode(slot: usize, delivery: DeliverySeq) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark[..8].copy_from_slice(&delivery.0.to_le_bytes());
    mark[8..].copy_from_slice(&checksum(slot, delivery).to_le_bytes());
    mark
}

fn decode(slot: usize, mark: &[u8; MARK]) -> Option<DeliverySeq> {
    let (halves, _) = mark.as_chunks::<8>();
    let delivery = DeliverySeq(i64::from_le_bytes(halves[0]));
    (u64::from_le_bytes(halves[1]) == checksum(slot, delivery)).then_some(delivery)
}

/// FNV-1a over the place and the value, so that neither zeros nor a mark out of its
/// place pass.
fn checksum(slot: usize, delivery: DeliverySeq) -> u64 {
    let slot = (slot as u64).to_le_bytes();
    let bytes = slot.into_iter().chain(delivery.0.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
