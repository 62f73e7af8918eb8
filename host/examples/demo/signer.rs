//! Signatures as Stripe makes them: by Stripe's own SDK if it could be fetched, else by the
//! same construction.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

/// Makes `Stripe-Signature` headers.
pub(crate) struct Signer {
    sdk: Option<Sdk>,
    /// The name of the signer, for the account.
    pub(crate) by: String,
}

/// A process that signs one line at a time.
struct Sdk {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Signer {
    /// Starts the best available signer. `root` is the repository.
    pub(crate) fn start(root: &Path) -> Self {
        let scripts = root.join("examples/quickstart/signer");
        let fetched = root.join("target/signer");
        let node = Command::new("node")
            .arg(scripts.join("sign.mjs"))
            .arg(fetched.join("npm"))
            .spawn_piped();
        let python = || {
            Command::new(fetched.join("venv/bin/python"))
                .arg(scripts.join("sign.py"))
                .spawn_piped()
        };
        let sdks = [
            ("Stripe's own SDK for Node.js", node),
            ("Stripe's own SDK for Python", python()),
        ];
        for (name, sdk) in sdks {
            if let Ok(sdk) = sdk {
                return Self {
                    sdk: Some(sdk),
                    by: name.into(),
                };
            }
        }
        Self {
            sdk: None,
            by: "HMAC-SHA256 over `t.body`, like Stripe's SDK (which could not be fetched)".into(),
        }
    }

    /// Returns the header for a payload, signed at `timestamp` in seconds since the Unix
    /// epoch.
    pub(crate) fn sign(&mut self, payload: &str, secret: &str, timestamp: u64) -> Result<String> {
        match &mut self.sdk {
            Some(sdk) => sdk.sign(payload, secret, timestamp),
            None => by_hand(payload, secret, timestamp),
        }
    }
}

impl Sdk {
    fn sign(&mut self, payload: &str, secret: &str, timestamp: u64) -> Result<String> {
        let ask = json!({ "payload": payload, "secret": secret, "timestamp": timestamp });
        writeln!(self.asks, "{ask}")?;
        self.asks.flush()?;
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        ensure!(header.starts_with("t="), "the SDK answered {header:?}");
        Ok(header.trim_end().to_owned())
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a signing process and checks that it signs.
trait SpawnPiped {
    fn spawn_piped(&mut self) -> Result<Sdk>;
}

impl SpawnPiped for Command {
    fn spawn_piped(&mut self) -> Result<Sdk> {
        let mut child = self
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let asks = child.stdin.take().context("the process has no stdin")?;
        let answers = child.stdout.take().context("the process has no stdout")?;
        let mut sdk = Sdk {
            child,
            asks,
            answers: BufReader::new(answers),
        };
        sdk.sign("{}", "whsec_x", 1)?;
        Ok(sdk)
    }
}

/// Returns `t=TIMESTAMP,v1=HEX`. HEX is HMAC-SHA256 of `TIMESTAMP.PAYLOAD`.
fn by_hand(payload: &str, secret: &str, timestamp: u64) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("{timestamp}.{payload}").as_bytes());
    Ok(format!(
        "t={timestamp},v1={}",
        hex::encode(mac.finalize().into_bytes())
    ))
}
