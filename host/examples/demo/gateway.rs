//! The gateway as a process of its own, started on a copy of `examples/quickstart`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The secret that the demo's provider signs with.
pub(crate) const SECRET: &str = "whsec_quickstart";

/// Where the walk-through's manifest sends what its handlers queue.
const SHOP: &str = "http://127.0.0.1:9090";

/// How long a start or an orderly end may take: components are compiled at the first.
const PATIENCE: Duration = Duration::from_secs(120);

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// How to start it.
pub(crate) struct Setup {
    /// The `tollgate` program.
    pub(crate) program: PathBuf,
    /// The folder with `tollgate.toml`.
    pub(crate) folder: PathBuf,
    /// Where it writes its log.
    pub(crate) log: PathBuf,
    /// The shop's origin.
    pub(crate) shop: String,
    /// `${LISTEN}` and `${ADMIN}`.
    pub(crate) listen: [String; 2],
}

/// A running gateway; dropping it kills it.
pub(crate) struct Gateway {
    child: Child,
    client: HttpClient,
    /// `http://ADDRESS:PORT` of the ingress.
    pub(crate) ingress: String,
    /// `http://ADDRESS:PORT` of the admin listener.
    pub(crate) admin: String,
}

/// What a sender gets back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The gateway's id of the event.
    pub(crate) event: Option<String>,
}

impl Gateway {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start(setup: &Setup) -> Result<Self> {
        let log = File::options().create(true).append(true).open(&setup.log)?;
        let mut child = Command::new(&setup.program)
            .args(["serve", "--manifest", "tollgate.toml"])
            .current_dir(&setup.folder)
            .env("STRIPE_WEBHOOK_SECRET", SECRET)
            .env("LISTEN", &setup.listen[0])
            .env("ADMIN", &setup.listen[1])
            .env_remove("DATA")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", setup.program.display()))?;
        let stdout = child.stdout.take().context("the gateway has no stdout")?;
        let (lines, said) = mpsc::channel();
        // Reads on after `ready`, so that the gateway never writes to a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut gateway = Self {
            child,
            client: Client::builder(TokioExecutor::new()).build_http(),
            ingress: String::new(),
            admin: String::new(),
        };
        gateway
            .wait_until_ready(&said)
            .with_context(|| format!("its log is {}", setup.log.display()))?;
        Ok(gateway)
    }

    fn wait_until_ready(&mut self, said: &mpsc::Receiver<String>) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match said.recv_timeout(left) {
                Ok(line) if line == "ready" => break,
                Ok(line) => match line.split_once(' ') {
                    Some(("ingress", url)) => self.ingress = url.into(),
                    Some(("admin", url)) => self.admin = url.into(),
                    _ => {}
                },
                Err(mpsc::RecvTimeoutError::Timeout) => bail!("the gateway is not ready in time"),
                Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the gateway did not start"),
            }
        }
        ensure!(
            !self.ingress.is_empty() && !self.admin.is_empty(),
            "it named no address"
        );
        Ok(())
    }

    /// Posts a body, as a provider does.
    pub(crate) async fn post(
        &self,
        path: &str,
        signature: Option<&str>,
        body: String,
    ) -> Result<Answer> {
        self.poster().post(path, signature, body).await
    }

    /// What posts to this gateway, also from another task.
    pub(crate) fn poster(&self) -> Poster {
        Poster {
            client: self.client.clone(),
            ingress: self.ingress.clone(),
        }
    }

    /// What the gateway says of itself.
    pub(crate) async fn status(&self) -> Result<Value> {
        let request = Request::get(format!("{}/status", self.admin)).body(Full::default())?;
        let body = self
            .client
            .request(request)
            .await?
            .into_body()
            .collect()
            .await?;
        Ok(serde_json::from_slice(&body.to_bytes())?)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(9), "it ended otherwise: {status}");
        Ok(())
    }

    /// Whether it has ended by itself or by another's hand.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end, waits, and sees that it ended well.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have been told by the same Ctrl-C.
        let _ = kill_process(pid.context("no process id")?, Signal::TERM);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the gateway ended badly: {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the gateway did not end in time")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts to a gateway.
#[derive(Clone)]
pub(crate) struct Poster {
    client: HttpClient,
    ingress: String,
}

impl Poster {
    /// Posts a body, as a provider does.
    pub(crate) async fn post(
        &self,
        path: &str,
        signature: Option<&str>,
        body: String,
    ) -> Result<Answer> {
        let mut request = Request::post(format!("{}{path}", self.ingress))
            .header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        let response = self.client.request(request.body(Full::from(body))?).await?;
        let event = response.headers().get("tollgate-event-id");
        let answer = Answer {
            status: response.status().as_u16(),
            event: event.and_then(|value| value.to_str().ok()).map(Into::into),
        };
        // So that the connection can be used again.
        response.into_body().collect().await?;
        Ok(answer)
    }
}

/// Runs `tollgate ARGUMENTS` in the demo's folder and returns what it prints.
pub(crate) fn tollgate(setup: &Setup, arguments: &[&str]) -> Result<String> {
    let output = Command::new(&setup.program)
        .args(arguments)
        .current_dir(&setup.folder)
        .env_remove("TOLLGATE_MANIFEST")
        .env_remove("DATA")
        .env("STRIPE_WEBHOOK_SECRET", SECRET)
        .env("LISTEN", &setup.listen[0])
        .env("ADMIN", &setup.listen[1])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "`tollgate {}` failed: {text}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

/// Copies what is to be edited, so that the demo leaves the repository as it is: the
/// walk-through, the handlers' sources and their components. Its requests go to `shop`.
/// Returns the copy's folder of the walk-through.
pub(crate) fn copy_walkthrough(root: &Path, scratch: &Path, shop: &str) -> Result<PathBuf> {
    if scratch.exists() {
        std::fs::remove_dir_all(scratch)?;
    }
    let plugins = scratch.join("plugins");
    std::fs::create_dir_all(plugins.join("target/components"))?;
    for part in ["Cargo.toml", "Cargo.lock", "build"] {
        std::fs::copy(root.join("plugins").join(part), plugins.join(part))?;
    }
    for entry in std::fs::read_dir(root.join("plugins"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            copy_tree(&entry.path(), &plugins.join(entry.file_name()))?;
        }
    }
    copy_tree(&root.join("wit"), &scratch.join("wit"))?;
    copy_tree(
        &root.join("plugins/target/components"),
        &plugins.join("target/components"),
    )?;
    // What was compiled for the originals serves the copies too. Shared, the edited handler
    // would take the original's place there.
    copy_tree(
        &root.join("plugins/target/wasm"),
        &plugins.join("target/wasm"),
    )?;
    let folder = scratch.join("examples/quickstart");
    let original = root.join("examples/quickstart");
    copy_tree(&original.join("fixtures"), &folder.join("fixtures"))?;
    let manifest = std::fs::read_to_string(original.join("tollgate.toml"))?;
    ensure!(
        manifest.contains(SHOP),
        "the manifest sends nothing to {SHOP}"
    );
    std::fs::write(folder.join("tollgate.toml"), manifest.replace(SHOP, shop))?;
    Ok(folder)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
