//! The real Prometheus, which scrapes a gateway, and its tool, which checks pages and rules.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{connect, skip, until};

/// A running Prometheus. Dropping it kills the process.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// Returns whether both programs are there. Reports the skipped test if not.
pub(crate) fn has_prometheus() -> bool {
    let found = ["prometheus", "promtool"].map(program);
    let is_there = found.iter().all(Option::is_some);
    if !is_there {
        skip("Prometheus is not installed (.ci/prepare prometheus)");
    }
    is_there
}

fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
}

/// Runs promtool in a folder, with a text as its input.
pub(crate) fn promtool(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The tool may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

impl Prometheus {
    /// Starts a Prometheus that scrapes this address every 200 ms, with further lines in the
    /// section of the scrape.
    pub(crate) fn scraping(target: SocketAddr, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\n\
             scrape_configs:\n  - job_name: tollgate\n{more}\
             \x20   static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        std::fs::write(&config, text).unwrap();
        // The port is free again when the process binds it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("db").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// Waits until a scrape has succeeded or failed. Returns its error, empty if there is none.
    #[track_caller]
    pub(crate) fn scraped(&self) -> String {
        until("Prometheus scrapes", || {
            let targets = self.ask("/api/v1/targets")?;
            let target = targets["data"]["activeTargets"].get(0)?;
            let health = target["health"].as_str()?;
            (health != "unknown").then(|| target["lastError"].as_str().unwrap_or("").to_owned())
        })
    }

    /// Returns the names of all series.
    #[track_caller]
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let names = self.ask("/api/v1/label/__name__/values").unwrap();
        let names = names["data"].as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns the value of a query that has one result.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.ask(&format!("/api/v1/query?query={query}"))?;
        let value = answer["data"]["result"].get(0)?["value"].get(1)?;
        value.as_str()?.parse().ok()
    }

    /// Returns whether a query can be read.
    pub(crate) fn understands(&self, query: &str) -> bool {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.ask(&format!("/api/v1/query?query={query}"));
        answer.is_some_and(|answer| answer["status"] == "success")
    }

    /// Asks by HTTP/1.0, in which no answer is chunked.
    fn ask(&self, path: &str) -> Option<Value> {
        let mut stream = connect(self.address).ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
