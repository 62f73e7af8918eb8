//! `tollgate serve` as a process of its own, with a manifest of the bench.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::payload::{PATH, SECRET};

/// The longest wait for the gateway.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time between two looks at the gateway's status.
const GLANCE: Duration = Duration::from_millis(3);

/// The gateway of this build.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tollgate");

/// A running gateway. Dropping it kills the process.
pub(crate) struct Gateway {
    child: Child,
    /// The address that it receives events at.
    pub(crate) ingress: SocketAddr,
    admin: SocketAddr,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
}

/// Returns the beginning of every manifest: listeners on free ports and the source.
pub(crate) fn preamble(plugins: &Path) -> String {
    format!(
        "version = 1\n\
         [server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [ledger]\nurl = \"sqlite:data/tollgate.db\"\n\
         [plugins]\ndir = '{}'\n\
         [sources.stripe]\npath = \"{PATH}\"\nscheme = \"stripe\"\nsecrets = [\"${{BENCH_SECRET}}\"]\n",
        plugins.display()
    )
}

/// Returns a route from an event type to a handler.
pub(crate) fn route(kind: &str, handler: &str) -> String {
    format!("[[routes]]\nsource = \"stripe\"\nevents = [\"{kind}\"]\nhandlers = [\"{handler}\"]\n")
}

impl Gateway {
    /// Starts a gateway in `folder` on a new ledger.
    pub(crate) fn fresh(folder: &Path, manifest: &str) -> Result<Self> {
        // Of the data folder only the cache of compiled code is kept.
        fs::create_dir_all(folder.join("data"))?;
        for entry in fs::read_dir(folder.join("data"))? {
            let path = entry?.path();
            match path.is_dir() {
                false => fs::remove_file(path)?,
                true if path.ends_with("cache") => {}
                true => fs::remove_dir_all(path)?,
            }
        }
        Self::start(folder, manifest)
    }

    /// Starts a gateway in `folder` and waits until it accepts events.
    pub(crate) fn start(folder: &Path, manifest: &str) -> Result<Self> {
        Self::start_program(Path::new(PROGRAM), folder, manifest)
    }

    /// Starts a gateway of another build.
    pub(crate) fn start_program(program: &Path, folder: &Path, manifest: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("tollgate.toml"), manifest)?;
        let mut child = Command::new(program)
            .arg("serve")
            .current_dir(folder)
            .env("BENCH_SECRET", SECRET)
            .env("TOLLGATE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log"))?)
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut addresses = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            match line.split_once("://") {
                Some(("ingress http" | "ingress https" | "admin http", address)) => {
                    addresses.push(address.parse()?);
                }
                _ if line == "ready" => break,
                _ => {}
            }
        }
        let [ingress, admin] = addresses[..] else {
            bail!(
                "the gateway did not start: see {}",
                folder.join("log").display()
            );
        };
        Ok(Self {
            child,
            ingress,
            admin,
            folder: folder.to_owned(),
        })
    }

    /// Returns the JSON of `/status`.
    pub(crate) fn status(&self) -> Result<Value> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream
            .write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("no answer to /status")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "the status is {head}");
        Ok(serde_json::from_str(body)?)
    }

    /// Returns a number of the status; 0 if there is none.
    pub(crate) fn number(&self, pointer: &str) -> Result<u64> {
        Ok(self
            .status()?
            .pointer(pointer)
            .and_then(Value::as_u64)
            .unwrap_or(0))
    }

    /// Waits until a number of the status is at least `wanted`.
    pub(crate) fn until(&self, pointer: &str, wanted: u64) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.number(pointer)?;
            if now >= wanted {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "{pointer} is {now} after {PATIENCE:?}, not {wanted}"
            );
            std::thread::sleep(GLANCE);
        }
    }

    /// Returns a field of /proc/PID/status, in MiB.
    pub(crate) fn memory(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("/proc has no {field}"))?;
        let kib = line.trim_matches(|c: char| !c.is_ascii_digit());
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
