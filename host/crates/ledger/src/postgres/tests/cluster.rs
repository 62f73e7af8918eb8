//! A PostgreSQL server of the tests' own.
//!
//! Each test has a database of its own on a server that all tests of a run share: `nextest` gives
//! each test a process. The first one starts the server, in a temporary folder and on a free port.
//! A small shell loop ends the server when no test has been seen for a while.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio_postgres::NoTls;

/// Where Debian has the programs of a server, the oldest version that will do first.
const PROGRAMS: [&str; 4] = [
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/18/bin",
];

/// How long a server lives without a test.
const IDLE_SECONDS: u32 = 90;

const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 400
max_locks_per_transaction = 256
shared_buffers = 64MB
fsync = off
full_page_writes = off
log_min_messages = warning
";

/// A server that runs.
pub(super) struct Cluster {
    pub(super) port: u16,
}

impl Cluster {
    /// The server of this run. `None`, with a word about it, if there is no PostgreSQL.
    pub(super) fn get() -> Option<Self> {
        let programs = programs()?;
        let run =
            std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
        let folder = std::env::temp_dir().join(format!("tollgate-postgres-{run}"));
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let ready = folder.join("ready");
        if !ready.exists() {
            start(&programs, &folder);
        }
        let port = fs::read_to_string(&ready).unwrap().parse().unwrap();
        keep_alive(ready);
        Some(Self { port })
    }

    /// Runs a statement on the server's first database.
    pub(super) fn run(&self, sql: &str) {
        run(&self.url("postgres"), sql);
    }

    /// Runs a statement that the server may refuse; returns whether it did not.
    pub(super) fn try_run(&self, sql: &str) -> bool {
        try_run(&self.url("postgres"), sql).is_ok()
    }

    /// The URL of a database.
    pub(super) fn url(&self, database: &str) -> String {
        let Self { port, .. } = self;
        format!("postgres://postgres@127.0.0.1:{port}/{database}")
    }
}

/// Runs statements in a session of their own.
pub(super) fn run(url: &str, sql: &str) {
    try_run(url, sql).unwrap();
}

pub(super) fn try_run(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(sql).await
    })
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn programs() -> Option<PathBuf> {
    let found = PROGRAMS.into_iter().map(PathBuf::from);
    let found = found
        .into_iter()
        .find(|folder| folder.join("initdb").exists());
    if found.is_none() {
        let skip_nothing = std::env::var_os("TOLLGATE_SKIP_NOTHING").is_some();
        assert!(
            !skip_nothing,
            "nothing may be skipped, but there is no PostgreSQL"
        );
        eprintln!("SKIPPED: there is no PostgreSQL; `.ci/prepare postgres` installs one");
    }
    found
}

/// Makes and starts a server, and says in the file `ready` at which port.
fn start(programs: &Path, folder: &Path) {
    let data = folder.join("data");
    fs::create_dir_all(&data).unwrap();
    let owner = owner();
    if let Some(owner) = &owner {
        let changed = Command::new("chown")
            .arg("-R")
            .arg(owner)
            .arg(folder)
            .status();
        assert!(changed.unwrap().success());
    }
    let program = |name: &str| as_user(&programs.join(name), owner.as_deref());
    let made = program("initdb")
        .args([
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale",
            "C",
            "-D",
        ])
        .arg(&data)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder_name = folder.display();
    let settings =
        format!("{SETTINGS}\nport = {port}\nunix_socket_directories = '{folder_name}'\n");
    let config = data.join("postgresql.conf");
    let all = fs::read_to_string(&config).unwrap() + &settings;
    fs::write(&config, all).unwrap();
    let started = program("pg_ctl")
        .args(["start", "-w", "-s", "-l"])
        .arg(folder.join("log"))
        .arg("-D")
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(started.unwrap().success());
    fs::write(folder.join("ready"), port.to_string()).unwrap();
    end_when_idle(programs, folder, owner.as_deref());
}

/// Leaves a process behind that ends the server, and removes the folder, when no test is left.
#[expect(clippy::zombie_processes, reason = "the process outlives the test")]
fn end_when_idle(programs: &Path, folder: &Path, owner: Option<&str>) {
    let stop = as_user(&programs.join("pg_ctl"), owner);
    let mut words = vec![stop.get_program().to_owned()];
    words.extend(stop.get_args().map(ToOwned::to_owned));
    let script = format!(
        "folder=$1; shift
         while [ $(( $(date +%s) - $(stat -c %Y \"$folder/ready\") )) -lt {IDLE_SECONDS} ]; do
             sleep 2
         done
         \"$@\" stop -m immediate -s -D \"$folder/data\"; rm -rf \"$folder\""
    );
    Command::new("setsid")
        .args(["sh", "-c", &script, "sh"])
        .arg(folder)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
}

/// The user that runs the server, if this is root: a server refuses to run as root.
fn owner() -> Option<String> {
    let id = |of: &[&str]| {
        let said = Command::new("id").args(of).output().ok()?;
        let said = String::from_utf8(said.stdout).ok()?;
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    };
    if id(&["-u"]).as_deref() != Some("0") {
        return None;
    }
    id(&["-u", "postgres"]).or_else(|| id(&["-u", "nobody"]))
}

fn as_user(program: &Path, owner: Option<&str>) -> Command {
    let Some(owner) = owner else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", owner, "--clear-groups", "--"])
        .arg(program);
    command
}

/// Tells that a test runs, as long as it does.
fn keep_alive(ready: PathBuf) {
    let touch = move || {
        while let Ok(file) = File::options().append(true).open(&ready) {
            let _ = file.set_modified(SystemTime::now());
            thread::sleep(Duration::from_secs(10));
        }
    };
    thread::spawn(touch);
}
