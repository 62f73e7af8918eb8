//! One line of a bill.

use serde::Deserialize;

use super::Expandable;
use super::people::Metadata;
use crate::lenient::null_is_default;

/// A line of an invoice. Amounts are in the currency's minor unit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct InvoiceLine {
    /// The id, `il_…`.
    pub id: Option<String>,
    /// The amount of the line; negative for a credit.
    pub amount: i64,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The text on the invoice.
    pub description: Option<String>,
    /// How many are billed.
    pub quantity: Option<i64>,
    /// The time that is billed.
    pub period: Option<Period>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    pricing: Option<Pricing>,
    price: Option<Expandable>,
    parent: Option<Parent>,
    subscription: Option<Expandable>,
    proration: Option<bool>,
}

/// A span of time: seconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Period {
    /// Its begin.
    pub start: i64,
    /// Its end.
    pub end: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Pricing {
    price_details: Option<PriceDetails>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct PriceDetails {
    price: Option<Expandable>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Parent {
    subscription_item_details: Option<ItemDetails>,
    invoice_item_details: Option<ItemDetails>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct ItemDetails {
    subscription: Option<Expandable>,
    proration: Option<bool>,
}

impl InvoiceLine {
    /// Returns the id of the price: `pricing.price_details.price` since 2025-03-31.basil (npm
    /// stripe 18.0.0), `price.id` before.
    pub fn price(&self) -> Option<&str> {
        let details = self.pricing.as_ref().and_then(|p| p.price_details.as_ref());
        let moved = details.and_then(|details| details.price.as_ref());
        moved.or(self.price.as_ref()).map(Expandable::id)
    }

    /// Returns the id of the subscription: in `parent` since 2025-03-31.basil (npm stripe 18.0.0),
    /// and in `subscription` in all versions.
    pub fn subscription(&self) -> Option<&str> {
        let moved = self.items().find_map(|item| item.subscription.as_ref());
        moved.or(self.subscription.as_ref()).map(Expandable::id)
    }

    /// Returns true if the line settles a change in the middle of a period: `proration` in `parent`
    /// since 2025-03-31.basil (npm stripe 18.0.0), beside the amount before.
    pub fn is_proration(&self) -> bool {
        let moved = self.items().find_map(|item| item.proration);
        moved.or(self.proration) == Some(true)
    }

    fn items(&self) -> impl Iterator<Item = &ItemDetails> {
        self.parent.iter().flat_map(|parent| {
            let of_subscription = parent.subscription_item_details.as_ref();
            of_subscription
                .into_iter()
                .chain(parent.invoice_item_details.as_ref())
        })
    }
}
