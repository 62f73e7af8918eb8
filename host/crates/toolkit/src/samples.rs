//! Events that providers send, as samples to begin a handler with.

use std::sync::LazyLock;

use serde_json::Value;

use crate::embedded;

/// An event of a provider.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The provider, by the name of its scheme.
    pub provider: &'static str,
    /// The event type.
    pub kind: &'static str,
    /// The field of the event's object with the amount of money, such as `amount_received`.
    pub amount: &'static str,
    /// The event as the provider sends it: JSON.
    pub payload: &'static str,
}

impl Sample {
    /// The name: `PROVIDER:TYPE`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.provider, self.kind)
    }

    fn object(&self, field: &str) -> Value {
        let event: Value = serde_json::from_str(self.payload).expect("a test parses each sample");
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

/// The amount of each type that there is a sample of. The first one is the sample of a new project.
const AMOUNTS: [(&str, &str); 1] = [("payment_intent.succeeded", "amount_received")];

/// The samples. The first one is that of a new project without a wish.
pub fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        let sample = |(kind, amount): (&'static str, &'static str)| {
            let name = format!("{kind}.json");
            let file = embedded::below("samples/stripe").find(|(file, _)| *file == name);
            let (_, bytes) = file.expect("a file for each type");
            Sample {
                provider: "stripe",
                kind,
                amount,
                payload: std::str::from_utf8(bytes).expect("JSON is UTF-8"),
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
            let event: Value = serde_json::from_str(sample.payload).unwrap();
            assert_eq!(event["type"], sample.kind);
            assert!(sample.object(sample.amount).is_i64(), "{}", sample.kind);
            assert!(!sample.object_id().is_empty(), "{}", sample.kind);
            assert_eq!(sample.object_currency().len(), 3, "{}", sample.kind);
        }
        assert_eq!(
            samples().len(),
            embedded::below("samples/stripe").count(),
            "a file without a line in the list"
        );
    }
}
