//! What the acts of the demo share: the parts, and the way of an event through them.

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

/// Where the source listens, as the manifest says.
pub(crate) const PATH: &str = "/webhooks/stripe";

/// How long a reload may take, the compiler's work included.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);

/// The demo's parts.
pub(crate) struct Demo {
    pub(crate) account: Account,
    pub(crate) gateway: Gateway,
    pub(crate) ledger: Ledger,
    pub(crate) setup: Setup,
    pub(crate) shop: Shop,
    pub(crate) signer: Signer,
    /// The copied handlers' workspace.
    pub(crate) plugins: PathBuf,
}

impl Demo {
    /// A header for an event that is signed now.
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

    /// Sends an event that is to be taken, and says so in the account.
    pub(crate) async fn send_well(&mut self, event: &StripeEvent, remark: &str) -> Result<Answer> {
        let answer = self.send(event).await?;
        self.account.came_in(event, &answer, remark);
        self.account
            .expect(&format!("the answer to {}", event.id), answer.status, 200);
        Ok(answer)
    }

    /// Waits for the end of everything under way, then tells what became of an event.
    pub(crate) async fn tell(&mut self, event: &StripeEvent) -> Result<Recorded> {
        self.ledger.settled().await?;
        let recorded = self.recorded(event)?;
        self.account.handled(&recorded, &self.shop.received());
        Ok(recorded)
    }

    /// What the ledger has of an event that was acknowledged.
    pub(crate) fn recorded(&self, event: &StripeEvent) -> Result<Recorded> {
        let found = self.ledger.event(&event.id)?;
        found.with_context(|| format!("{} is not in the ledger", event.id))
    }

    /// How many different requests to `path` have this value at `pointer` of their body.
    pub(crate) fn requests(&self, path: &str, pointer: &str, value: &str) -> usize {
        let received = self.shop.received();
        let matching = received.values().filter(|received| {
            received.path == path
                && received.body.pointer(pointer).and_then(Value::as_str) == Some(value)
        });
        matching.count()
    }

    /// The number of the generation that serves.
    pub(crate) async fn generation(&self) -> Result<u64> {
        let status = self.gateway.status().await?;
        status["generation"]["number"]
            .as_u64()
            .context("the status names no generation")
    }

    /// Waits until the status fulfils a condition; returns how long that took.
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
        bail!("waited in vain for {what}")
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    // A clock before 1970 would be refused by every signature check anyway.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
