//! A bill, of a subscription or by hand.

use serde::Deserialize;

use super::invoice_line::InvoiceLine;
use super::list::List;
use super::people::Metadata;
use super::{Expandable, told};
use crate::lenient::null_is_default;
use crate::texts::texts;

/// The object of `invoice.…` events. Amounts are in the currency's minor unit, times in seconds
/// since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct Invoice {
    /// The id, `in_…`. The preview in `invoice.upcoming` has none.
    pub id: Option<String>,
    /// The number that the customer sees; none before the invoice is finalised.
    pub number: Option<String>,
    /// The state.
    pub status: Option<InvoiceStatus>,
    /// Why the invoice was made.
    pub billing_reason: Option<BillingReason>,
    /// Who begins the payment.
    pub collection_method: Option<CollectionMethod>,
    /// The currency: three small letters (ISO 4217).
    pub currency: String,
    /// The amount to pay.
    pub amount_due: Option<i64>,
    /// The amount that was paid.
    pub amount_paid: Option<i64>,
    /// The amount that is still owed.
    pub amount_remaining: Option<i64>,
    /// The amount before discounts and exclusive taxes.
    pub subtotal: Option<i64>,
    /// The amount after discounts and taxes.
    pub total: Option<i64>,
    /// How often Stripe tried to collect the invoice.
    pub attempt_count: Option<u32>,
    /// When Stripe tries next. `Some(None)`: Stripe tries no more. `None`: the event does not say.
    #[serde(default, deserialize_with = "told")]
    pub next_payment_attempt: Option<Option<i64>>,
    /// Until when the customer pays, if they pay by themselves.
    pub due_date: Option<i64>,
    /// The time of creation.
    pub created: Option<i64>,
    /// Begin of the period that the invoice looks back on. The lines have the periods that they
    /// bill.
    pub period_start: Option<i64>,
    /// End of that period.
    pub period_end: Option<i64>,
    /// The customer. See [`Invoice::payer`].
    pub customer: Option<Expandable>,
    /// The customer as an account: since 2025-12-15.clover (npm stripe 20.1.0).
    pub customer_account: Option<String>,
    /// The customer's address; none if the customer has none.
    pub customer_email: Option<String>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// Stripe's payment page of the invoice.
    pub hosted_invoice_url: Option<String>,
    /// The invoice as a file.
    pub invoice_pdf: Option<String>,
    /// What is billed.
    pub lines: Option<List<InvoiceLine>>,
    /// The business's own data. See [`Invoice::subscription_metadata`].
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    parent: Option<Parent>,
    subscription: Option<Expandable>,
    subscription_details: Option<SubscriptionDetails>,
    payments: Option<List<InvoicePayment>>,
    payment_intent: Option<Expandable>,
    charge: Option<Expandable>,
    paid: Option<bool>,
    tax: Option<i64>,
    total_taxes: Option<Vec<Tax>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Expandable>,
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct InvoicePayment {
    payment: Option<Payment>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Payment {
    payment_intent: Option<Expandable>,
    charge: Option<Expandable>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Tax {
    amount: i64,
}

texts! {
    /// The state of an invoice.
    InvoiceStatus {
        Draft = "draft",
        Open = "open",
        Paid = "paid",
        Uncollectible = "uncollectible",
        Void = "void",
    }
}

texts! {
    /// Who begins the payment of an invoice.
    CollectionMethod {
        /// Stripe charges the customer's payment method.
        ChargeAutomatically = "charge_automatically",
        /// The customer pays by themselves.
        SendInvoice = "send_invoice",
    }
}

texts! {
    /// Why an invoice was made.
    BillingReason {
        AutomaticPendingInvoiceItemInvoice = "automatic_pending_invoice_item_invoice",
        Manual = "manual",
        QuoteAccept = "quote_accept",
        Subscription = "subscription",
        SubscriptionCreate = "subscription_create",
        SubscriptionCycle = "subscription_cycle",
        SubscriptionThreshold = "subscription_threshold",
        SubscriptionUpdate = "subscription_update",
        Upcoming = "upcoming",
    }
}

impl Invoice {
    /// Returns the id of the subscription that is billed:
    /// `parent.subscription_details.subscription` since 2025-03-31.basil (npm stripe 18.0.0),
    /// `subscription` before.
    pub fn subscription(&self) -> Option<&str> {
        let moved = self.details().and_then(|d| d.subscription.as_ref());
        moved.or(self.subscription.as_ref()).map(Expandable::id)
    }

    /// Returns the metadata of the subscription when the invoice was made:
    /// `parent.subscription_details.metadata` since 2025-03-31.basil (npm stripe 18.0.0),
    /// `subscription_details.metadata` before.
    pub fn subscription_metadata(&self) -> Option<&Metadata> {
        self.details()
            .or(self.subscription_details.as_ref())
            .and_then(|details| details.metadata.as_ref())
    }

    /// Returns the id of the payment: the first of `payments` since 2025-03-31.basil (npm stripe
    /// 18.0.0), `payment_intent` before. Newer events have no `payments`, unless Stripe's API was
    /// asked for the field: then the payment intent names the invoice
    /// ([`PaymentIntent::invoice`](super::PaymentIntent::invoice)).
    pub fn payment_intent(&self) -> Option<&str> {
        let moved = self.payments().find_map(|p| p.payment_intent.as_ref());
        moved.or(self.payment_intent.as_ref()).map(Expandable::id)
    }

    /// Returns the id of the charge: see [`Invoice::payment_intent`], which has the same places.
    pub fn charge(&self) -> Option<&str> {
        let moved = self.payments().find_map(|p| p.charge.as_ref());
        moved.or(self.charge.as_ref()).map(Expandable::id)
    }

    /// Returns true if the invoice is settled: by `status`, or by the field `paid` that API
    /// versions before 2025-03-31.basil (npm stripe 18.0.0) have beside it.
    pub fn is_paid(&self) -> bool {
        match &self.status {
            Some(status) => *status == InvoiceStatus::Paid,
            None => self.paid == Some(true),
        }
    }

    /// Returns the taxes: the sum of `total_taxes` since 2025-03-31.basil (npm stripe 18.0.0),
    /// `tax` before. `None` if the event has none, or if the sum is out of range.
    pub fn tax(&self) -> Option<i64> {
        match &self.total_taxes {
            Some(taxes) => taxes
                .iter()
                .try_fold(0_i64, |sum, tax| sum.checked_add(tax.amount)),
            None => self.tax,
        }
    }

    /// Returns the id of the customer: `cus_…` or, since 2025-12-15.clover, the account `acct_…`.
    pub fn payer(&self) -> Option<&str> {
        let customer = self.customer.as_ref().map(Expandable::id);
        customer.or(self.customer_account.as_deref())
    }

    fn details(&self) -> Option<&SubscriptionDetails> {
        self.parent.as_ref()?.subscription_details.as_ref()
    }

    fn payments(&self) -> impl Iterator<Item = &Payment> {
        let list = self.payments.iter().flat_map(|list| &list.data);
        list.filter_map(|payment| payment.payment.as_ref())
    }
}
