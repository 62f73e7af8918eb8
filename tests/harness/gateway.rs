//! The gateway as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Answer, Connection, Event, Ledger, PATH, SECRET, Site, eventually, get, until};

/// How long a start may take: components are compiled in it.
const START: Duration = Duration::from_secs(60);

/// A gateway that is to be started.
pub(crate) struct Launch {
    command: Command,
    ledger: PathBuf,
}

/// A gateway that runs; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    stderr: Captured,
    ledger: PathBuf,
    pub(crate) ingress: SocketAddr,
    pub(crate) admin: SocketAddr,
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Launch {
    pub(crate) fn new(site: &Site) -> Self {
        let mut command = tollgate(site, "serve");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self {
            command,
            ledger: site.path("data/tollgate.db"),
        }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it and waits until it takes events.
    #[track_caller]
    pub(crate) fn start(self) -> Gateway {
        match self.try_start() {
            Ok(gateway) => gateway,
            Err((status, stderr)) => panic!("the gateway did not start ({status}):\n{stderr}"),
        }
    }

    /// Starts it; how it ended and what it said, if it ends instead of taking events.
    pub(crate) fn try_start(mut self) -> Result<Gateway, (ExitStatus, String)> {
        let mut child = self.command.spawn().unwrap();
        let stderr = Captured::default();
        let captured = stderr.clone();
        let from = child.stderr.take().unwrap();
        let reading = std::thread::spawn(move || captured.read(from));
        let lines = lines_of(child.stdout.take().unwrap());
        let Some((ingress, admin)) = addresses(&lines, &stderr, &mut child) else {
            let status = child.wait().unwrap();
            reading.join().unwrap();
            return Err((status, stderr.text()));
        };
        Ok(Gateway {
            child,
            stderr,
            ledger: self.ledger,
            ingress,
            admin,
        })
    }
}

impl Gateway {
    /// Posts an event, signed now, on a connection of its own.
    #[track_caller]
    pub(crate) fn post(&self, event: &Event) -> Answer {
        let mut connection = Connection::open(self.ingress).unwrap();
        connection.write(&event.request()).unwrap();
        connection.answer().unwrap()
    }

    /// Posts an event, which must be acknowledged; returns the gateway's id of it.
    #[track_caller]
    pub(crate) fn accepts(&self, event: &Event) -> String {
        let answer = self.post(event);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.stderr());
        answer
            .header("tollgate-event-id")
            .expect("an acknowledgement names the event")
            .to_owned()
    }

    /// Posts an event that is acknowledged though it may have been pruned, and has no id then.
    #[track_caller]
    pub(crate) fn accepts_again(&self, event: &Event) {
        let answer = self.post(event);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.stderr());
    }

    /// Posts a body with a signature header.
    pub(crate) fn post_signed(&self, signature: &str, body: &[u8]) -> Answer {
        super::post(self.ingress, PATH, &[("stripe-signature", signature)], body).unwrap()
    }

    /// What the admin listener's `/status` tells.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let answer = get(self.admin, "/status").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// One value of the status, by JSON pointer; null where there is none.
    #[track_caller]
    pub(crate) fn status_at(&self, pointer: &str) -> Value {
        self.status().pointer(pointer).cloned().unwrap_or_default()
    }

    /// The number of the generation that serves.
    pub(crate) fn generation(&self) -> u64 {
        self.status_at("/generation/number").as_u64().unwrap()
    }

    /// The digest of the component that a handler runs.
    pub(crate) fn serves(&self, handler: &str) -> String {
        let digest = self.status_at(&format!("/generation/handlers/{handler}/component"));
        digest.as_str().unwrap_or_default().to_owned()
    }

    /// What it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until no delivery is to be run or run again.
    #[track_caller]
    pub(crate) fn settles(&self) {
        let ledger = Ledger::open(&self.ledger);
        eventually("every delivery ends", || ledger.unfinished() == 0);
    }

    /// Waits until the outbox has nothing left to send.
    #[track_caller]
    pub(crate) fn drains(&self) {
        self.settles();
        let ledger = Ledger::open(&self.ledger);
        eventually("the outbox empties", || ledger.waiting() == 0);
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it has taken, in bytes.
    pub(crate) fn most_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// A line of proc_pid_status(5).
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }

    /// Kills it as the kernel does: without a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits whether it ends by itself, killed by a failpoint.
    #[track_caller]
    pub(crate) fn ends_within(&mut self, period: Duration) -> bool {
        let end = Instant::now() + period;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.code().is_none(), "{status}\n{}", self.stderr());
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Asks it to end; it must, and without an error. Returns what it said.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = until("the gateway ends on SIGTERM", || {
            self.child.try_wait().unwrap()
        });
        assert!(status.success(), "{status}\n{}", self.stderr());
        self.stderr()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway said:\n{}---", self.stderr());
        }
    }
}

impl Site {
    /// Runs another of the binary's subcommands to its end.
    pub(crate) fn run(&self, subcommand: &str, arguments: &[&str]) -> Output {
        let mut command = tollgate(self, subcommand);
        command.args(arguments).output().unwrap()
    }
}

impl Captured {
    fn read(&self, mut from: impl Read) {
        let mut some = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut some) {
            self.0.lock().unwrap().extend_from_slice(&some[..read]);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The binary that is tested, with the site's manifest and secret.
/// `TOLLGATE_BINARY` names another one, such as an installed one.
fn tollgate(site: &Site, subcommand: &str) -> Command {
    let binary = std::env::var_os("TOLLGATE_BINARY")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_tollgate").into());
    let mut command = Command::new(binary);
    // `outbox list` is one subcommand in two words.
    command
        .args(subcommand.split(' '))
        .arg("--manifest")
        .arg(site.manifest_path())
        .env("TOLLGATE_TEST_SECRET", SECRET)
        .env_remove("TOLLGATE_LOG")
        .current_dir(site.path(""))
        .stdin(Stdio::null());
    command
}

fn lines_of(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver): (Sender<String>, _) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Lines after `ready` are read, so that the pipe never fills, and dropped.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The ingress's and the admin's address, as they stand before `ready`; none when the
/// process ends first.
fn addresses(
    lines: &Receiver<String>,
    stderr: &Captured,
    child: &mut Child,
) -> Option<(SocketAddr, SocketAddr)> {
    let end = Instant::now() + START;
    let (mut ingress, mut admin) = (None, None);
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => match line.split_once(" http://") {
                Some(("ingress", address)) => ingress = address.parse().ok(),
                Some(("admin", address)) => admin = address.parse().ok(),
                _ if line == "ready" => return ingress.zip(admin),
                _ => {}
            },
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                // A test that fails leaves no process behind.
                let _ = child.kill();
                panic!("not ready after {START:?}:\n{}", stderr.text());
            }
        }
    }
}
