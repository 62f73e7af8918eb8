//! One command for local work: `tollgate dev`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{eventually, get, until};

fn tollgate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("STRIPE_WEBHOOK_SECRET")
        .env("XDG_CACHE_HOME", folder.join("user-cache"));
    command
}

/// `tollgate dev` in a folder.
struct Dev {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Dev {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = tollgate(folder, &[&["dev"], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kept = said.clone();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| kept.lock().unwrap().push(line));
        });
        Self { child, said }
    }

    /// The rest of the line that begins so, once it is said.
    fn said(&self, begin: &str) -> String {
        until(begin, || {
            let lines = self.said.lock().unwrap();
            let rest = lines
                .iter()
                .find_map(|line| line.trim().strip_prefix(begin))?;
            Some(rest.trim().to_owned())
        })
    }

    fn says(&self, part: &str) -> bool {
        self.said
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(part))
    }

    /// Ends the command as Ctrl-C does.
    fn end(mut self) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project in WebAssembly's text form, which needs no toolchain.
fn project(folder: &Path) {
    let made = tollgate(folder, &["plugin", "new", "first", "--lang", "wat"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let manifest = folder.join("first/tollgate.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let listeners = "listen = \"0.0.0.0:0\"\nadmin = \"127.0.0.1:0\"";
    let text = text.replace("listen = \"127.0.0.1:8080\"", listeners);
    fs::write(&manifest, text).unwrap();
}

#[test]
fn a_project_is_built_served_and_built_again() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    let project = folder.path().join("first");
    let dev = Dev::start(&project, &[]);
    let url = dev.said("stripe listen --forward-to");
    assert!(
        url.starts_with("http://127.0.0.1:"),
        "on loopback alone: {url}"
    );
    let secret = dev.said("export STRIPE_WEBHOOK_SECRET=");
    dev.said("ready");
    let trigger = || {
        let (to, _) = url.split_at(url.find("/webhooks").unwrap());
        let mut command = tollgate(
            &project,
            &["trigger", "payment_intent.succeeded", "--to", to],
        );
        let output = command
            .env("STRIPE_WEBHOOK_SECRET", &secret)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    trigger();
    eventually("the event is shown to its end", || {
        dev.says("first: done after attempt 1")
    });

    let admin: std::net::SocketAddr = dev.said("admin http://").parse().unwrap();
    let component = || {
        let handlers: Value =
            serde_json::from_slice(&get(admin, "/api/handlers").unwrap().body).unwrap();
        handlers["items"][0]["component"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = component();
    let source = project.join("handler.wat");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(
        &source,
        text.replace("count is too large", "count is too great"),
    )
    .unwrap();
    eventually("the changed handler serves", || component() != before);
    trigger();
    dev.end();

    assert!(!project.join("data").exists(), "the ledger stands apart");
    assert!(project.join(".tollgate/dev/data/tollgate.db").exists());
    // The secret stays, and so does the ledger unless a fresh one is asked for.
    let dev = Dev::start(&project, &["--fresh"]);
    assert_eq!(dev.said("export STRIPE_WEBHOOK_SECRET="), secret);
    dev.said("ready");
    let admin: std::net::SocketAddr = dev.said("admin http://").parse().unwrap();
    let status: Value = serde_json::from_slice(&get(admin, "/status").unwrap().body).unwrap();
    assert_eq!(status["ledger"]["events"], 0);
    dev.end();
}

#[test]
fn without_a_manifest_the_next_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = tollgate(folder.path(), &["dev"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("tollgate init"), "{said}");
}
