//! The gateway as a process of its own, on a copy of `examples/quickstart`.

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

/// The secret of the demo's provider.
pub(crate) const SECRET: &str = "whsec_quickstart";

/// The origin that the walk-through's manifest allows for requests.
const SHOP: &str = "http://127.0.0.1:9090";

/// The longest wait for a start or an orderly end. The first start compiles components.
const PATIENCE: Duration = Duration::from_secs(120);

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// The settings for starting the gateway.
pub(crate) struct Setup {
    /// The path of the `tollgate` program.
    pub(crate) program: PathBuf,
    /// The folder of `tollgate.toml`.
    pub(crate) folder: PathBuf,
    /// The file for the gateway's log.
    pub(crate) log: PathBuf,
    /// The shop's origin.
    pub(crate) shop: String,
    /// The values of `${LISTEN}` and `${ADMIN}`.
    pub(crate) listen: [String; 2],
}

/// A running gateway. Dropping it kills the process.
pub(crate) struct Gateway {
    child: Child,
    client: HttpClient,
    /// The URL of the ingress, `http://ADDRESS:PORT`.
    pub(crate) ingress: String,
    /// The URL of the admin listener, `http://ADDRESS:PORT`.
    pub(crate) admin: String,
}

/// The gateway's response to a sender.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The gateway's id of the event.
    pub(crate) event: Option<String>,
}

impl Gateway {
    /// Starts the gateway and waits until it accepts connections.
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
        // The thread also reads the lines after `ready`, so the pipe never fills.
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
            .with_context(|| format!("its log is in {}", setup.log.display()))?;
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
            "the gateway printed no address"
        );
        Ok(())
    }

    /// Posts a body as a provider does.
    pub(crate) async fn post(
        &self,
        path: &str,
        signature: Option<&str>,
        body: String,
    ) -> Result<Answer> {
        self.poster().post(path, signature, body).await
    }

    /// Returns a poster, which also works in another task.
    pub(crate) fn poster(&self) -> Poster {
        Poster {
            client: self.client.clone(),
            ingress: self.ingress.clone(),
        }
    }

    /// Returns the JSON of `/status`.
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

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(
            status.signal() == Some(9),
            "it ended in another way: {status}"
        );
        Ok(())
    }

    /// Returns true if the process has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends SIGTERM and waits. The process must end without an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // The same Ctrl-C may have ended the process already.
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
        // The process is still running only after an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that posts to a gateway.
#[derive(Clone)]
pub(crate) struct Poster {
    client: HttpClient,
    ingress: String,
}

impl Poster {
    /// Posts a body as a provider does.
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
        // The body is read to its end, so the connection can be used again.
        response.into_body().collect().await?;
        Ok(answer)
    }
}

/// Runs `tollgate ARGUMENTS` in the demo's folder. Returns its output.
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

/// Copies the files that the demo edits, so the repository stays unchanged: the walk-through,
/// the handlers' sources and their components. The copied handlers send their requests to
/// `shop`. Returns the folder of the copied walk-through.
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
    copy_tree(&root.join("plugins/sdk/rust"), &plugins.join("sdk/rust"))?;
    copy_tree(&root.join("wit"), &scratch.join("wit"))?;
    copy_tree(
        &root.join("plugins/target/components"),
        &plugins.join("target/components"),
    )?;
    // The copies use the compiled code of the originals. In a shared folder, the edited
    // handler would replace the original.
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
        // A link to a folder counts as the folder: the SDK has one to the WIT package.
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
