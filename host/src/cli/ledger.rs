//! `tollgate ledger`: backs the ledger up, restores it, checks it, and releases a restored one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_base::event::ComponentDigest;
use tollgate_base::quantity::about_size;
use tollgate_base::rfc3339;
use tollgate_base::time::{Clock as _, SystemClock};
use tollgate_ledger::{BackedUp, LedgerUrl, Restore, Restored, Verified, backup, restore, verify};

use super::gateway::{GatewayArgs, operator};
use super::output::{counted, print, printable, time};
use super::progress::Progress;
use crate::generation::ComponentStore;

/// The name of the database in a backup's folder.
const DATABASE: &str = "tollgate.db";

#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Copy the ledger as it is at one moment, also while the gateway runs. Check the copy.
    Backup(BackupArgs),
    /// Put a backup in the ledger's place. The gateway must not run. The old files are kept.
    Restore(RestoreArgs),
    /// Check a ledger or a backup, and change nothing. The exit code is 1 if it is not sound.
    Verify(VerifyArgs),
    /// Release a restored ledger: deliveries and requests on hold start, and the restore is told no
    /// more.
    Release(ReleaseArgs),
}

#[derive(Debug, Args)]
struct BackupArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// A folder, which gets a folder with the database and the components that its attempts name;
    /// or a new file, which gets the database alone.
    target: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The backup: its folder, or the file of a database.
    from: PathBuf,
    /// Start no delivery and no request of the outbox until `tollgate ledger release`.
    #[arg(long)]
    hold: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The file of a database, or the folder of a backup. Default: the manifest's ledger.
    file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &LedgerArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        LedgerCommand::Backup(args) => run_backup(args),
        LedgerCommand::Restore(args) => run_restore(args),
        LedgerCommand::Verify(args) => run_verify(args),
        LedgerCommand::Release(args) => run_release(args),
    }
}

fn run_backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let ledger = args.gateway.ledger_file()?;
    let progress = Progress::waiting("copying the ledger");
    let with_components = args.target.is_dir() || is_named_as_folder(&args.target);
    let made = match with_components {
        true => backup_into_folder(&ledger, &args.target)?,
        false => Made {
            database: args.target.clone(),
            backed_up: backup(&LedgerUrl::Sqlite(ledger), &args.target)?,
            missing: None,
        },
    };
    drop(progress);
    let Made {
        database,
        backed_up,
        missing,
    } = &made;
    let report = json!({
        "database": database,
        "content": backed_up.verified,
        "components": backed_up.components.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "missing_components": missing,
    });
    print(args.json, &report, |out| {
        writeln!(out, "backed up to {}", database.display())?;
        write_content(out, &backed_up.verified)?;
        let many = counted(backed_up.components.len(), "component");
        match missing {
            None if backed_up.components.is_empty() => Ok(()),
            None => writeln!(
                out,
                "  without the {many} that its attempts name: name a folder"
            ),
            Some(missing) if missing.is_empty() => writeln!(out, "  {many}"),
            Some(missing) => {
                writeln!(
                    out,
                    "  {many}, of which these are not kept: {}",
                    missing.join(", ")
                )
            }
        }
    })
}

/// A backup that was made.
struct Made {
    database: PathBuf,
    backed_up: BackedUp,
    /// The components that attempts name and the gateway has not kept; `None` if the backup is the
    /// database alone.
    missing: Option<Vec<String>>,
}

/// Whether the path ends with a slash.
fn is_named_as_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// Makes a new folder in `target` with the database and its components. The folder gets its name
/// when it is whole.
fn backup_into_folder(ledger: &Path, target: &Path) -> anyhow::Result<Made> {
    let time = rfc3339::format(SystemClock.now()).replace(':', "");
    let folder = target.join(format!("tollgate-{time}"));
    anyhow::ensure!(!folder.exists(), "{} is there already", folder.display());
    let part = target.join(format!(".tollgate-{time}.part"));
    fs::create_dir_all(&part).with_context(|| part.display().to_string())?;
    let made = fill(ledger, &part).and_then(|(backed_up, missing)| {
        fs::rename(&part, &folder)?;
        fs::File::open(target)?.sync_all()?;
        Ok(Made {
            database: folder.join(DATABASE),
            backed_up,
            missing: Some(missing),
        })
    });
    if made.is_err() {
        // The error above matters more.
        let _ = fs::remove_dir_all(&part);
    }
    made
}

fn fill(ledger: &Path, folder: &Path) -> anyhow::Result<(BackedUp, Vec<String>)> {
    let backed_up = backup(&LedgerUrl::Sqlite(ledger.into()), &folder.join(DATABASE))?;
    let kept = ComponentStore::of_ledger(ledger);
    let missing = copy_components(
        &kept,
        &ComponentStore::in_folder(folder),
        &backed_up.components,
    )?;
    Ok((backed_up, missing))
}

/// Copies components. Returns those that `from` does not have, or has damaged.
fn copy_components(
    from: &ComponentStore,
    to: &ComponentStore,
    digests: &[ComponentDigest],
) -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    for digest in digests {
        match from.read(*digest) {
            Ok(bytes) => to.keep(*digest, &bytes)?,
            Err(_) => missing.push(digest.to_string()),
        }
    }
    Ok(missing)
}

fn run_restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let ledger = args.gateway.ledger_file()?;
    let database = database_in(&args.from);
    let url = LedgerUrl::Sqlite(ledger.clone());
    let components = ComponentStore::of_ledger(&database);
    // First the components: the restored attempts name them.
    let kept = ComponentStore::of_ledger(&ledger);
    let progress = Progress::waiting("restoring the ledger");
    let copied = copy_all(&components, &kept)?;
    let restored = restore(&url, &database, args.hold, SystemClock.now())?;
    drop(progress);
    let report = json!({
        "ledger": ledger,
        "content": restored.verified,
        "restored": restored.restore,
        "components": copied,
        "aside": restored.aside,
    });
    print(args.json, &report, |out| {
        write_restored(out, &ledger, &restored, copied)
    })
}

/// Copies all components of a backup that are whole. Returns how many.
fn copy_all(from: &ComponentStore, to: &ComponentStore) -> anyhow::Result<usize> {
    let digests = from.digests()?;
    let missing = copy_components(from, to, &digests)?;
    anyhow::ensure!(
        missing.is_empty(),
        "components of the backup are damaged: {missing:?}"
    );
    Ok(digests.len())
}

fn write_restored(
    out: &mut dyn Write,
    ledger: &Path,
    restored: &Restored,
    components: usize,
) -> io::Result<()> {
    writeln!(out, "restored {}", ledger.display())?;
    write_content(out, &restored.verified)?;
    if components > 0 {
        writeln!(out, "  {}", counted(components, "component"))?;
    }
    if let Some(aside) = &restored.aside {
        writeln!(out, "the files that were there are in {}", aside.display())?;
    }
    writeln!(out, "{}", restored.restore)?;
    if restored.restore.wrote_until_ms.is_some() {
        writeln!(
            out,
            "let the providers send again what they sent in between (docs/backup.md)"
        )?;
    }
    match restored.restore.on_hold {
        true => writeln!(
            out,
            "start the gateway, look at the ledger, then run `tollgate ledger release`"
        ),
        false => Ok(()),
    }
}

fn run_verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let file = match &args.file {
        Some(file) => database_in(file),
        None => args.gateway.ledger_file()?,
    };
    let progress = Progress::waiting("checking the ledger");
    let verified = verify(&LedgerUrl::Sqlite(file.clone()))?;
    drop(progress);
    let report = json!({ "database": file, "content": verified });
    print(args.json, &report, |out| {
        if verified.problems.is_empty() {
            writeln!(out, "{} is sound", file.display())?;
            return write_content(out, &verified);
        }
        writeln!(out, "{} is not sound", file.display())?;
        let problems = verified.problems.iter();
        problems
            .map(|problem| printable(problem))
            .try_for_each(|problem| writeln!(out, "  {problem}"))
    })?;
    Ok(match verified.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The database of a backup: the file itself, or the one in a backup's folder.
fn database_in(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(DATABASE),
        false => path.to_owned(),
    }
}

fn write_content(out: &mut dyn Write, content: &Verified) -> io::Result<()> {
    let many = |number: u64, what| counted(usize::try_from(number).unwrap_or(usize::MAX), what);
    writeln!(
        out,
        "  {}: {}, {}, {}",
        about_size(content.bytes),
        many(content.events, "event"),
        match content.deliveries {
            1 => "1 delivery".to_owned(),
            number => format!("{number} deliveries"),
        },
        many(content.requests, "request"),
    )?;
    match content.newest_event_ms {
        Some(newest) => writeln!(out, "  the newest event is of {}", time(newest)),
        None => Ok(()),
    }
}

fn run_release(args: &ReleaseArgs) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let answer: Value = client.post("/api/ledger/release", &json!({ "who": operator() }))?;
    let released: Option<Restore> = serde_json::from_value(answer["released"].clone())?;
    print(args.json, &answer, |out| match released {
        None => writeln!(
            out,
            "the ledger was not restored: there is nothing to release"
        ),
        Some(restore) if restore.on_hold => {
            writeln!(out, "released: deliveries and requests start")
        }
        Some(_) => writeln!(out, "released: the restore is told no more"),
    })
}
