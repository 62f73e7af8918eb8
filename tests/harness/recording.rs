//! The recorder of `tests/powercut/recorder.c`: compiles it, puts it under a gateway, reads
//! its log.

use std::fs;
use std::path::PathBuf;

use super::preload::library;
use super::{Launch, Site};

/// The bytes before an entry's own: kind, file, offset, length.
const HEAD: usize = 1 + 3 * 8;

/// The compiled recorder, with the paths of its logs.
pub(crate) struct Recorder {
    library: PathBuf,
    /// One log for each process, because a kill may leave half an entry at the end.
    logs: Vec<PathBuf>,
}

/// The recorded entries, in order.
pub(crate) struct Recording(pub(crate) Vec<Entry>);

/// One entry. A file's name is its inode number. The system may reuse the number of a deleted
/// file, so `Created` and `Folder` start a new file.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// The root folder, which existed before the recording.
    Root { file: u64, path: PathBuf },
    /// A file was created.
    Created { file: u64, path: PathBuf },
    /// An existing file was opened.
    Opened { file: u64 },
    /// A folder was created.
    Folder { file: u64, path: PathBuf },
    /// Bytes were written.
    Write {
        file: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// A file was truncated or extended.
    Length { file: u64, length: u64 },
    /// A sync began. It covers all entries above.
    SyncBegin { file: u64, number: u64 },
    /// The sync ended.
    SyncEnd { number: u64 },
    /// A name was removed.
    Unlinked { path: PathBuf },
    /// A name was changed, or taken over from another file.
    Renamed { from: PathBuf, to: PathBuf },
    /// An event with this id was acknowledged.
    Answered { event: String },
    /// An outbox request with this key was sent.
    Sent { key: String },
    /// The recorder does not model this call.
    Unknown { file: u64, call: String },
}

impl Recorder {
    /// Compiles the recorder in the site's folder.
    pub(crate) fn build(site: &Site) -> Self {
        Self {
            library: library(site, "powercut/recorder.c"),
            logs: Vec::new(),
        }
    }

    /// Prepares a gateway under the recorder. The first gateway needs an empty data folder.
    /// `ignore` is the value of `RECORDER_IGNORE_SYNC`.
    pub(crate) fn under(&mut self, site: &Site, ignore: Option<&str>) -> Launch {
        let root = fs::canonicalize(site.path("")).unwrap();
        let log = site.path(format!("recorder.{}.log", self.logs.len()));
        self.logs.push(log.clone());
        let launch = Launch::new(site)
            .alone()
            .env("LD_PRELOAD", &self.library)
            .env("RECORDER_LOG", log)
            .env("RECORDER_ROOT", root);
        match ignore {
            Some(which) => launch.env("RECORDER_IGNORE_SYNC", which),
            None => launch,
        }
    }

    /// Reads the recorded entries. The gateway must have ended, in whatever way.
    pub(crate) fn read(&self) -> Recording {
        let mut entries = Vec::new();
        for log in &self.logs {
            let bytes = fs::read(log).unwrap();
            let mut rest = &bytes[..];
            while let Some((entry, after)) = entry(rest) {
                entries.push(entry);
                rest = after;
            }
        }
        Recording(entries)
    }
}

/// Returns the first entry and the bytes after it; `None` at the end, which may be torn.
fn entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let number = |index: usize| {
        let at = 1 + index * 8;
        u64::from_ne_bytes(head[at..at + 8].try_into().expect("eight bytes"))
    };
    let (file, offset, length) = (number(0), number(1), number(2));
    let (bytes, rest) = rest.split_at_checked(length as usize)?;
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let entry = match head[0] {
        1 => Entry::Root {
            file,
            path: text().into(),
        },
        2 => Entry::Created {
            file,
            path: text().into(),
        },
        3 => Entry::Opened { file },
        4 => Entry::Folder {
            file,
            path: text().into(),
        },
        5 => Entry::Write {
            file,
            offset,
            bytes: bytes.to_vec(),
        },
        6 => Entry::Length {
            file,
            length: offset,
        },
        7 => Entry::SyncBegin {
            file,
            number: offset,
        },
        8 => Entry::SyncEnd { number: offset },
        9 => Entry::Unlinked {
            path: text().into(),
        },
        10 => {
            let paths = text();
            let (from, to) = paths.split_once('\0').expect("two paths");
            Entry::Renamed {
                from: from.into(),
                to: to.into(),
            }
        }
        11 => Entry::Answered { event: text() },
        12 => Entry::Sent { key: text() },
        13 => Entry::Unknown { file, call: text() },
        kind => panic!("the recorder wrote an entry of kind {kind}"),
    };
    Some((entry, rest))
}
