//! Reads files that strangers may have put in place, and writes files atomically.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading. Never blocks, whatever is at `path`.
///
/// # Errors
/// The system cannot open the file, or the path leads to a folder, a device, a pipe or a socket
/// ([`io::ErrorKind::InvalidInput`]).
pub fn open_regular(path: &Path) -> io::Result<File> {
    // A pipe without a writer would block the call that opens it.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Opens a regular file for writing, and makes the file if it is missing. Never blocks, whatever is
/// at `path`. Keeps what is in the file.
///
/// # Errors
/// Those of [`open_regular`].
pub fn open_regular_to_write(path: &Path) -> io::Result<File> {
    check_regular(path)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Looks whether `path` leads to a regular file or to nothing. For files that other code opens,
/// which may block.
///
/// # Errors
/// The system cannot look at the path, or the path leads to a folder, a device, a pipe or a socket
/// ([`io::ErrorKind::InvalidInput`]).
pub fn check_regular(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(metadata) => regular(&metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a file or folder belongs to the user of this process, and nobody else may write to it.
/// Whoever may write to code decides what runs.
pub fn is_ours_alone(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let message = "the path does not lead to a regular file";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// Those of [`open_regular`], a failed read, or a longer file ([`io::ErrorKind::FileTooLarge`]).
pub fn read_regular(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= most as u64 {
        // The file may grow while it is read.
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    }
    if size > most as u64 || bytes.len() > most {
        let message = format!("the file is longer than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Reads a regular text file of at most `most` bytes.
///
/// # Errors
/// Those of [`read_regular`], or bytes that are not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_regular_text(path: &Path, most: usize) -> io::Result<String> {
    let bytes = read_regular(path, most)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes `bytes` to `path`, so that a reader, even after a crash, finds either the old file or the
/// new file. Writes a file beside it, syncs that file and renames it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o666)
}

/// The same, for a file that its owner alone may read.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

/// Removes the temporary files beside `path`. A process that is killed during [`write_atomically`]
/// or [`write_private`] leaves such a file.
pub fn remove_leftovers(path: &Path) -> io::Result<()> {
    let start = start_of_name(path)?;
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(start.as_encoded_bytes());
        let rest = rest.and_then(|rest| rest.strip_suffix(END_OF_NAME.as_bytes()));
        let writer = rest.and_then(|rest| std::str::from_utf8(rest).ok()?.split_once('-'));
        let writer = writer.and_then(|(writer, _)| writer.parse().ok());
        if writer.is_some_and(|writer| !is_alive(writer)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a process with this number runs.
fn is_alive(number: i32) -> bool {
    let process = rustix::process::Pid::from_raw(number);
    let answer = process.map(rustix::process::test_kill_process);
    // A process of somebody else may not be asked.
    answer.is_some_and(|answer| answer != Err(rustix::io::Errno::SRCH))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// How the name of a file begins that is written beside `path`: a dot, its name and a dot. The
/// number of the process, a minus and a random number follow.
fn start_of_name(path: &Path) -> io::Result<OsString> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".");
    Ok(name)
}

/// How such a name ends.
const END_OF_NAME: &str = ".tmp";

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    let mut name = start_of_name(path)?;
    name.push(format!("{}-{:08x}", std::process::id(), fastrand::u32(..)));
    name.push(END_OF_NAME);
    let beside = folder.join(name);
    let result = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    })();
    if result.is_err() {
        // An error here matters less than the error above.
        let _ = fs::remove_file(&beside);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let alive = std::process::id();
        let kept = [
            format!(".a.wasm.{alive}-0000aaaa.tmp"),
            format!(".b.wasm.{dead}-0000aaaa.tmp"),
            format!("a.wasm.{dead}-0000aaaa.tmp"),
            ".a.wasm.x-0000aaaa.tmp".to_owned(),
            "a.wasm".to_owned(),
        ];
        for name in &kept {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(
            folder.path().join(format!(".a.wasm.{dead}-0000aaaa.tmp")),
            "",
        )
        .unwrap();
        remove_leftovers(&path).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut kept = kept.to_vec();
        kept.sort();
        assert_eq!(left, kept);
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_private(&path, b"one").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn regular_files_up_to_a_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "twelve bytes").unwrap();
        assert_eq!(read_regular(&path, 12).unwrap(), b"twelve bytes");
        assert_eq!(read_regular_text(&path, 99).unwrap(), "twelve bytes");
        let long = read_regular(&path, 11).unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::FileTooLarge);
        fs::write(&path, [0xff]).unwrap();
        let bytes = read_regular_text(&path, 11).unwrap_err();
        assert_eq!(bytes.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn pipes_devices_and_folders_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [pipe.as_path(), link.as_path(), folder.path()] {
            let error = read_regular(path, 9).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            let error = open_regular_to_write(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            assert!(check_regular(path).is_err());
        }
    }

    #[test]
    fn a_file_to_write_is_made_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        check_regular(&path).unwrap();
        open_regular_to_write(&path)
            .unwrap()
            .write_all(b"one")
            .unwrap();
        drop(open_regular_to_write(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        check_regular(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(&folder.path().join("no/such"), b"").is_err());
    }
}
