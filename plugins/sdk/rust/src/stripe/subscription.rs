//! A subscription and what it bills.

use serde::Deserialize;

use super::Expandable;
use super::invoice::CollectionMethod;
use super::list::List;
use super::people::Metadata;
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `customer.subscription.…` events. Times are in seconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// The id, `sub_…`.
    pub id: String,
    /// The state.
    pub status: SubscriptionStatus,
    /// The currency: three small letters (ISO 4217).
    pub currency: Option<String>,
    /// Who begins the payments.
    pub collection_method: Option<CollectionMethod>,
    /// What is billed. An event has the first items alone; `has_more` tells.
    pub items: Option<List<SubscriptionItem>>,
    /// The last invoice.
    pub latest_invoice: Option<Expandable>,
    /// True if the subscription ends with its period.
    #[serde(default)]
    pub cancel_at_period_end: bool,
    /// When the subscription will end.
    pub cancel_at: Option<i64>,
    /// When somebody cancelled. The subscription may go on to the end of its period.
    pub canceled_at: Option<i64>,
    /// When the subscription ended.
    pub ended_at: Option<i64>,
    /// When the subscription began.
    pub start_date: Option<i64>,
    /// When the trial began.
    pub trial_start: Option<i64>,
    /// When the trial ends.
    pub trial_end: Option<i64>,
    /// The time of creation.
    pub created: Option<i64>,
    /// The customer. See [`Subscription::payer`].
    pub customer: Option<Expandable>,
    /// The customer as an account: since 2025-12-15.clover (npm stripe 20.1.0).
    pub customer_account: Option<String>,
    /// The business's own data.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
}

/// One thing that a subscription bills.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct SubscriptionItem {
    /// The id, `si_…`.
    pub id: String,
    /// The price.
    pub price: Option<Price>,
    /// How many are billed; none if the use is counted.
    pub quantity: Option<i64>,
    /// Begin of the current period: since 2025-03-31.basil (npm stripe 18.0.0).
    pub current_period_start: Option<i64>,
    /// End of the current period: since 2025-03-31.basil (npm stripe 18.0.0).
    pub current_period_end: Option<i64>,
}

/// The price of an item.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Price {
    /// The id, `price_…` or, of old plans, any text.
    pub id: String,
    /// The product.
    pub product: Option<Expandable>,
    /// The amount of one in the currency's minor unit; none for tiers and fractions.
    pub unit_amount: Option<i64>,
    /// The currency: three small letters (ISO 4217).
    pub currency: Option<String>,
    /// The business's own name of the price.
    pub lookup_key: Option<String>,
    /// How often the price is billed; none for a single time.
    pub recurring: Option<Recurring>,
}

/// How often a price is billed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Recurring {
    /// The unit: `day`, `week`, `month` or `year`.
    pub interval: String,
    /// How many of the unit.
    pub interval_count: Option<u32>,
}

texts! {
    /// The state of a subscription.
    SubscriptionStatus {
        Incomplete = "incomplete",
        IncompleteExpired = "incomplete_expired",
        Trialing = "trialing",
        Active = "active",
        PastDue = "past_due",
        Unpaid = "unpaid",
        Paused = "paused",
        Canceled = "canceled",
    }
}

impl Subscription {
    /// Returns the end of the current period: when something is billed next.
    ///
    /// Before 2025-03-31.basil (npm stripe 18.0.0) the subscription has the field. Since then each
    /// item has its own, and this is the earliest of them. Items with other intervals end later:
    /// look at [`SubscriptionItem::current_period_end`].
    pub fn current_period_end(&self) -> Option<i64> {
        let of_items = self.items().filter_map(|item| item.current_period_end);
        self.current_period_end.or_else(|| of_items.min())
    }

    /// Returns the begin of the current period: of the subscription before 2025-03-31.basil (npm
    /// stripe 18.0.0), and since then of the item whose period ends first.
    pub fn current_period_start(&self) -> Option<i64> {
        let next = || {
            let of_items = self
                .items()
                .filter(|item| item.current_period_end.is_some());
            of_items.min_by_key(|item| item.current_period_end)
        };
        self.current_period_start
            .or_else(|| next()?.current_period_start)
    }

    /// Returns the id of the customer: `cus_…` or, since 2025-12-15.clover, the account `acct_…`.
    pub fn payer(&self) -> Option<&str> {
        let customer = self.customer.as_ref().map(Expandable::id);
        customer.or(self.customer_account.as_deref())
    }

    fn items(&self) -> impl Iterator<Item = &SubscriptionItem> {
        self.items.iter().flat_map(|list| &list.data)
    }
}
