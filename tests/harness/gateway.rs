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

use super::compiled::Compiled;
use super::{Answer, Connection, Event, Ledger, PATH, SECRET, Site, eventually, get, until};

/// The longest start. Components are compiled in this time.
const START: Duration = Duration::from_secs(60);

/// A gateway before its start.
pub(crate) struct Launch {
    command: Command,
    ledger: PathBuf,
    /// `None` if the gateway compiles everything itself.
    compiled: Option<Compiled>,
}

/// A running gateway. Dropping it kills the process.
pub(crate) struct Gateway {
    child: Child,
    stderr: Captured,
    ledger: PathBuf,
    pub(crate) ingress: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// The listener that sends plain HTTP to HTTPS.
    pub(crate) redirect: Option<SocketAddr>,
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
            compiled: Some(Compiled::of(site)),
        }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several variables of the environment.
    pub(crate) fn envs(mut self, variables: &[(&str, String)]) -> Self {
        self.command
            .envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    /// The gateway makes every file of its data folder itself.
    pub(crate) fn alone(mut self) -> Self {
        self.compiled = None;
        self
    }

    /// Starts the gateway and waits until it accepts events.
    #[track_caller]
    pub(crate) fn start(self) -> Gateway {
        match self.try_start() {
            Ok(gateway) => gateway,
            Err((status, stderr)) => panic!("the gateway did not start ({status}):\n{stderr}"),
        }
    }

    /// Starts the gateway and waits until it accepts events. If the process ends first,
    /// returns its exit status and its stderr.
    pub(crate) fn try_start(mut self) -> Result<Gateway, (ExitStatus, String)> {
        if let Some(compiled) = &self.compiled {
            compiled.seed();
        }
        let mut child = self.command.spawn().unwrap();
        let stderr = Captured::default();
        let captured = stderr.clone();
        let from = child.stderr.take().unwrap();
        let reading = std::thread::spawn(move || captured.read(from));
        let lines = lines_of(child.stdout.take().unwrap());
        let Some((ingress, admin, redirect)) = addresses(&lines, &stderr, &mut child) else {
            let status = child.wait().unwrap();
            reading.join().unwrap();
            return Err((status, stderr.text()));
        };
        if let Some(compiled) = &self.compiled {
            compiled.keep();
        }
        Ok(Gateway {
            child,
            stderr,
            ledger: self.ledger,
            ingress,
            admin,
            redirect,
        })
    }
}

impl Gateway {
    /// Posts an event, signed now, on a new connection.
    #[track_caller]
    pub(crate) fn post(&self, event: &Event) -> Answer {
        let mut connection = Connection::open(self.ingress).unwrap();
        connection.write(&event.request()).unwrap();
        connection.answer().unwrap()
    }

    /// Posts an event, signed now, on a new connection. Returns `None` without a whole answer.
    pub(crate) fn try_post(&self, event: &Event) -> Option<Answer> {
        let mut connection = Connection::open(self.ingress).ok()?;
        connection.write(&event.request()).ok()?;
        connection.answer().ok()
    }

    /// Posts an event. The gateway must acknowledge it. Returns the gateway's id of the
    /// event.
    #[track_caller]
    pub(crate) fn accepts(&self, event: &Event) -> String {
        let answer = self.post(event);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.stderr());
        answer
            .header("tollgate-event-id")
            .expect("an acknowledgement names the event")
            .to_owned()
    }

    /// Posts an event that the gateway must acknowledge. A pruned event has no id any more.
    #[track_caller]
    pub(crate) fn accepts_again(&self, event: &Event) {
        let answer = self.post(event);
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.stderr());
    }

    /// Posts a body with a signature header.
    pub(crate) fn post_signed(&self, signature: &str, body: &[u8]) -> Answer {
        super::post(self.ingress, PATH, &[("stripe-signature", signature)], body).unwrap()
    }

    /// Returns the JSON of `/status` on the admin listener.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let answer = get(self.admin, "/status").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Returns one value of the status by its JSON pointer; null if there is none.
    #[track_caller]
    pub(crate) fn status_at(&self, pointer: &str) -> Value {
        self.status().pointer(pointer).cloned().unwrap_or_default()
    }

    /// Returns the number of the serving generation.
    pub(crate) fn generation(&self) -> u64 {
        self.status_at("/generation/number").as_u64().unwrap()
    }

    /// Returns the digest of the component that a handler runs.
    pub(crate) fn serves(&self, handler: &str) -> String {
        let digest = self.status_at(&format!("/generation/handlers/{handler}/component"));
        digest.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until no delivery is unfinished.
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

    /// Returns the resident memory of the process in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Returns the greatest resident memory of the process so far, in bytes.
    pub(crate) fn most_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Returns a value of proc_pid_status(5) in bytes.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }

    /// Returns how many child processes the process has.
    pub(crate) fn children(&self) -> usize {
        self.children_of_tasks().len()
    }

    fn children_of_tasks(&self) -> Vec<Pid> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of_task = |task: std::fs::DirEntry| {
            let children = std::fs::read_to_string(task.path().join("children"));
            let numbers = children.unwrap_or_default();
            let numbers = numbers
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok());
            numbers.filter_map(Pid::from_raw).collect::<Vec<_>>()
        };
        tasks.flat_map(|task| of_task(task.unwrap())).collect()
    }

    /// Kills the child processes with SIGKILL. Returns how many there were.
    pub(crate) fn kill_children(&self) -> usize {
        let children = self.children_of_tasks();
        for child in &children {
            // The child may have ended meanwhile.
            let _ = kill_process(*child, Signal::KILL);
        }
        children.len()
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for this period. Returns true if the process ends by itself, killed by a
    /// failpoint.
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

    /// Stops the process with SIGSTOP, as if it hung.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGTERM. The process must end without an error. Returns its stderr.
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
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway said:\n{}---", self.stderr());
        }
    }
}

impl Site {
    /// Starts a gateway and waits until it accepts events.
    pub(crate) fn start(&self) -> Gateway {
        Launch::new(self).start()
    }

    /// Runs another subcommand of the binary to its end.
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

/// Prepares a command of the tested binary, with the site's manifest and secret. The
/// environment variable `TOLLGATE_BINARY` names another binary, such as an installed one.
fn tollgate(site: &Site, subcommand: &str) -> Command {
    let binary = std::env::var_os("TOLLGATE_BINARY")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_tollgate").into());
    let mut command = Command::new(binary);
    // `outbox list` is one subcommand of two words.
    command
        .args(subcommand.split(' '))
        .arg("--manifest")
        .arg(site.manifest_path())
        .env("TOLLGATE_TEST_SECRET", SECRET)
        .env("XDG_CACHE_HOME", site.path("user-cache"))
        .env_remove("TOLLGATE_LOG")
        .current_dir(site.path(""))
        .stdin(Stdio::null());
    command
}

fn lines_of(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver): (Sender<String>, _) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The thread also reads the lines after `ready`, so the pipe never fills, and
            // drops them.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Reads the addresses of the ingress and the admin listener, which the gateway prints before
/// `ready`. Returns `None` if the process ends first.
fn addresses(
    lines: &Receiver<String>,
    stderr: &Captured,
    child: &mut Child,
) -> Option<(SocketAddr, SocketAddr, Option<SocketAddr>)> {
    let end = Instant::now() + START;
    let (mut ingress, mut admin, mut redirect) = (None, None, None);
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => match line.split_once("://") {
                Some(("ingress http" | "ingress https", address)) => ingress = address.parse().ok(),
                Some(("admin http", address)) => admin = address.parse().ok(),
                Some(("redirect http", address)) => redirect = address.parse().ok(),
                _ if line == "ready" => return Some((ingress?, admin?, redirect)),
                _ => {}
            },
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                // A failed test leaves no process behind.
                let _ = child.kill();
                panic!("not ready after {START:?}:\n{}", stderr.text());
            }
        }
    }
}
