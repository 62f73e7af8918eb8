//! The parts that the acts share, and the way of an event through them.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::account::Account;
use crate::events::StripeEvent;
use crate::gateway::{Answer, Gateway, SECRET, Setup};
use crate::ledger::{Ledger, Recorded};
use crate::receiver::Shop;
use crate::signer::Signer;

/// The path of the source, as in the manifest.
pub(crate) const PATH: &str = "/webhooks/stripe";

/// The longest wait for a reload, including compilation.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);

/// The parts of the demo.
pub(crate) struct Demo {
    pub(crate) account: Account,
    pub(crate) gateway: Gateway,
    pub(crate) ledger: Ledger,
    pub(crate) setup: Setup,
    pub(crate) shop: Shop,
    pub(crate) signer: Signer,
    /// The folder of the copied handlers' workspace.
    pub(crate) plugins: PathBuf,
}

impl Demo {
    /// Returns a signature header for an event, signed now.
    pub(crate) fn sign(&mut self, event: &StripeEvent) -> Result<String> {
        self.signer.sign(&event.payload(), SECRET, now())
    }

    /// Sends an event as its provider does.
    pub(crate) async fn send(&mut self, event: &StripeEvent) -> Result<Answer> {
        let header = self.sign(event)?;
        self.gateway
            .post(PATH, Some(&header), event.payload())
            .await
    }

    /// Sends an event that the gateway must accept, and prints it in the account.
    pub(crate) async fn send_well(&mut self, event: &StripeEvent, remark: &str) -> Result<Answer> {
        let answer = self.send(event).await?;
        self.account.came_in(event, &answer, remark);
        self.account
            .expect(&format!("the answer to {}", event.id), answer.status, 200);
        Ok(answer)
    }

    /// Waits until all work is done, then prints the runs and requests of an event.
    pub(crate) async fn tell(&mut self, event: &StripeEvent) -> Result<Recorded> {
        self.ledger.settled().await?;
        let recorded = self.recorded(event)?;
        self.account.handled(&recorded, &self.shop.received());
        Ok(recorded)
    }

    /// Returns the ledger's record of an acknowledged event.
    pub(crate) fn recorded(&self, event: &StripeEvent) -> Result<Recorded> {
        let found = self.ledger.event(&event.id)?;
        found.with_context(|| format!("{} is not in the ledger", event.id))
    }

    /// Returns the number of different requests to `path` whose body has this value at
    /// `pointer`.
    pub(crate) fn requests(&self, path: &str, pointer: &str, value: &str) -> usize {
        let received = self.shop.received();
        let matching = received.values().filter(|received| {
            received.path == path
                && received.body.pointer(pointer).and_then(Value::as_str) == Some(value)
        });
        matching.count()
    }

    /// Returns the number of the serving generation.
    pub(crate) async fn generation(&self) -> Result<u64> {
        let status = self.gateway.status().await?;
        status["generation"]["number"]
            .as_u64()
            .context("the status names no generation")
    }

    /// Waits until the status meets a condition. Returns the time that it took.
    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < RELOAD_PATIENCE {
            if condition(&self.gateway.status().await?["generation"]) {
                return Ok(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("{what} did not arrive in time")
    }
}

/// Returns the time in seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    // Every signature check would refuse a clock before 1970 anyway.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
