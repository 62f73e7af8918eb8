//! Does something again after each change of a project's files.

use std::path::{Component, Path};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher as _, recommended_watcher};

use super::progress::{say, say_error};

/// Folders and files that builds write.
const WRITTEN: [&str; 9] = [
    "target",
    "data",
    "node_modules",
    ".venv",
    ".git",
    "__pycache__",
    "Cargo.lock",
    "package-lock.json",
    "go.sum",
];

/// How long no file may change before the next build. Editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Calls `again` at once and after each change of a file in the folder, until the process is ended.
pub(super) fn after_each_change(
    folder: &Path,
    again: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let (sender, changes) = channel();
    let root = folder.canonicalize()?;
    let below = root.clone();
    let mut watcher = recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(&below, &event)) {
            // The receiver lives as long as the process.
            let _ = sender.send(());
        }
    })?;
    watcher.watch(&root, RecursiveMode::Recursive)?;
    loop {
        if let Err(error) = again() {
            say_error(&format!("{error:#}"), None);
        }
        say("waiting for a change; Ctrl-C ends");
        changes.recv()?;
        loop {
            match changes.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether a file of the project has changed that no build writes.
fn is_change(folder: &Path, event: &Event) -> bool {
    let is_written = |path: &Path| {
        let path = path.strip_prefix(folder).unwrap_or(path);
        path.components().any(|part| match part {
            Component::Normal(name) => WRITTEN.iter().any(|written| name == *written),
            _ => false,
        })
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| !is_written(path))
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind};

    use super::*;

    #[test]
    fn what_a_build_writes_is_no_change() {
        let folder = Path::new("/target/refunds");
        let changed = |path: &str| {
            let event = Event::new(EventKind::Modify(ModifyKind::Any)).add_path(path.into());
            is_change(folder, &event)
        };
        assert!(changed("/target/refunds/src/lib.rs"));
        assert!(!changed("/target/refunds/target/refunds.wasm"));
        assert!(!changed("/target/refunds/Cargo.lock"));
        let both = Event::new(EventKind::Create(CreateKind::Any))
            .add_path("/target/refunds/target/x".into())
            .add_path("/target/refunds/handler.c".into());
        assert!(is_change(folder, &both));
    }
}
