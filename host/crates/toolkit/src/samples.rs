//! Events that providers send, as samples to begin a handler with.

use std::sync::LazyLock;

use serde_json::Value;
use tollgate_base::time::WallTime;

/// An event of a provider.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The provider, by the name of its scheme.
    pub provider: &'static str,
    /// The event type.
    pub kind: &'static str,
    /// The field of the event's object with the amount of money, such as `amount_received`.
    pub amount: &'static str,
    /// The event as a handler gets it: JSON.
    pub payload: String,
}

impl Sample {
    /// The name: `PROVIDER:TYPE`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.provider, self.kind)
    }

    fn object(&self, field: &str) -> Value {
        let event: Value = serde_json::from_str(&self.payload).unwrap_or_default();
        event["data"]["object"][field].clone()
    }

    pub(crate) fn object_id(&self) -> String {
        self.object("id").as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn object_amount(&self) -> String {
        self.object(self.amount).to_string()
    }

    pub(crate) fn object_currency(&self) -> String {
        let currency = self.object("currency");
        currency.as_str().unwrap_or_default().to_owned()
    }
}

/// The scheme that the samples are of.
const PROVIDER: &str = "stripe";

/// The field with the amount in the object of each event that is about money. The first event is
/// that of a new project without a wish.
const AMOUNTS: [(&str, &str); 19] = [
    ("payment_intent.succeeded", "amount_received"),
    ("payment_intent.created", "amount"),
    ("payment_intent.payment_failed", "amount"),
    ("payment_intent.canceled", "amount"),
    ("checkout.session.completed", "amount_total"),
    ("checkout.session.expired", "amount_total"),
    ("checkout.session.async_payment_succeeded", "amount_total"),
    ("checkout.session.async_payment_failed", "amount_total"),
    ("charge.succeeded", "amount"),
    ("charge.failed", "amount"),
    ("charge.refunded", "amount_refunded"),
    ("charge.dispute.created", "amount"),
    ("charge.dispute.closed", "amount"),
    ("invoice.finalized", "amount_due"),
    ("invoice.paid", "amount_paid"),
    ("invoice.payment_failed", "amount_due"),
    ("payout.paid", "amount"),
    ("payout.failed", "amount"),
    ("refund.created", "amount"),
];

/// The same samples at every call: their ids and amounts are drawn with this seed, at this time.
const SEED: u64 = 1;
const NOW: WallTime = WallTime::from_secs(1_780_000_000);

/// The samples. The first one is that of a new project without a wish.
pub fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let sample = |(kind, amount)| {
            let event = tollgate_events::recorded(PROVIDER, kind, SEED, NOW);
            let payload = event.expect("a test makes each event").payload;
            Sample {
                provider: PROVIDER,
                kind,
                amount,
                payload: String::from_utf8_lossy(&payload).into_owned(),
            }
        };
        AMOUNTS.map(sample).to_vec()
    });
    &SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_an_event_with_an_amount() {
        for sample in samples() {
            let event: Value = serde_json::from_str(&sample.payload).unwrap();
            assert_eq!(event["type"], sample.kind);
            assert!(sample.object(sample.amount).is_i64(), "{}", sample.kind);
            assert!(!sample.object_id().is_empty(), "{}", sample.kind);
            assert_eq!(sample.object_currency().len(), 3, "{}", sample.kind);
        }
    }
}
