//! Reminds, suspends and restores subscriptions whose invoices are not paid.
//!
//! Stripe tries to collect an invoice several times and reports each failure. This handler reminds
//! the customer with growing urgency, grants a grace period, suspends the access, and restores the
//! access once all invoices are paid:
//!
//! ```text
//!            payment fails        fails again, or    fails once more or     the grace period
//!                                 time passes        for good, or time      ends
//!                                                    passes
//!  active ──────────────► reminded(1) ─► reminded(n) ──────────► grace ──────────► suspended
//!    ▲                        │                                    │                    │
//!    └────────────────────────┴──────────── all is paid ───────────┴────────────────────┘
//!  from any phase, when the subscription is deleted ──► canceled, for good
//! ```
//!
//! Events may arrive in any order and more than once. So the handler keeps facts that do not
//! depend on the order of arrival (see `facts`), derives the phase from the facts (see `phase`),
//! and acts on the difference that an event makes. A failure of a paid invoice makes no
//! difference, and neither does an update that is older than the latest one.
//!
//! An invoice that the customer pays by themselves (`collection_method: "send_invoice"`) is owed
//! from its due date on. Nothing is sent before; the grace period begins with the due date. A debt
//! that is written off (`invoice.marked_uncollectible`) suspends the access at once.
//!
//! Only a payment recovers a subscription. If its debts end otherwise, because invoices are voided
//! or Stripe calls the subscription active, the access is restored without a mail. If Stripe
//! reports the payment later, the mail follows.
//!
//! Time is one of the facts (see `calendar`). The handler schedules an event for itself: for the
//! next reminder, if no other payment is tried, for a due date, and for the end of the grace
//! period. Once no invoice is open, nothing is scheduled. Two other events end the grace period
//! too: an event about the subscription that happened after its end, and Stripe's status `unpaid`,
//! with which Stripe gives up.
//!
//! # Events
//! - `invoice.payment_failed`, and `invoice.payment_action_required`, which asks the customer once
//!   an attempt, such as for 3-D Secure;
//! - `invoice.paid`, `invoice.payment_succeeded` and `invoice.voided`: each settles an invoice;
//! - `invoice.marked_uncollectible`;
//! - `invoice.finalized`, `invoice.sent`, `invoice.updated` and `invoice.overdue`: each tells the
//!   due date of an invoice that the customer pays by themselves. Stripe sends `invoice.overdue`
//!   only where an automation asks for it; one of the others suffices;
//! - `customer.subscription.updated` and `customer.subscription.deleted`.
//!
//! If the first payment of a new subscription fails, the customer is still at the checkout, which
//! shows the failure. The handler then sends no reminder. Events of Stripe's test mode are ignored.
//!
//! Each of them may also be a thin event (`v1.invoice.paid` and so on), if its source has `resolve`
//! in the manifest. Its object may be newer than the event: an invoice that is paid, voided or
//! written off by then counts as such.
//!
//! # Config
//! | Key | Meaning |
//! |---|---|
//! | `mail_url` | URL to post mails to; required |
//! | `access_url` | URL to post suspensions and restorations to; optional |
//! | `reminders` | number of reminders of an invoice before the grace period; 3 |
//! | `remind_days` | days without a payment until the next reminder; 3 (see below) |
//! | `grace_days` | length of the grace period in days; 7 |
//! | `livemode` | `true` (the default): live events alone; `false`: test events alone; `"any"`: both |
//!
//! Without `access_url`, only events report suspensions and restorations.
//!
//! Each failed attempt causes a reminder. After `remind_days` without another failed attempt, the
//! next reminder goes out all the same. With `remind_days = 0`, only failed attempts cause
//! reminders.
//!
//! # Output
//! Requests about one subscription go out in order: the subscription's id is their order key.
//! Amounts are integers in the currency's minor unit.
//! ```json
//! {"template": "payment_reminder", "level": 2, "customer": "cus_1", "to": "ada@example.com",
//!  "subscription": "sub_1", "invoice": "in_1", "amount": 900, "currency": "eur",
//!  "pay_url": "https://…"}
//! {"template": "payment_grace", …, "suspend_at": 1767225600}
//! {"template": "payment_suspended", "payment_recovered" or "payment_action_required", …}
//! {"subscription": "sub_1", "customer": "cus_1", "access": "suspended" or "restored"}
//! ```
//! A mail about an invoice has the fields of the invoice. `payment_recovered` is about no invoice.
//! `payment_suspended` is about none if Stripe gave up before the handler received a failed
//! payment. Without an address there is no mail, but a warning in the log.
//!
//! The handler emits `subscription.suspended`, `subscription.recovered` (all is paid: the access is
//! there again), `subscription.restored` (the access is there again for another reason) and
//! `subscription.canceled`. Their subject is the subscription. Their payload has `subscription`,
//! `customer` and `was`, the phase before.

mod calendar;
mod effects;
mod facts;
mod observation;
mod phase;
#[cfg(test)]
mod tests;

use tollgate_handler::prelude::*;

use effects::Change;
use facts::Facts;
use observation::Reading;
use phase::Rules;

tollgate_handler::handler!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let observation = match observation::read(&event)? {
        Reading::Observed(observation) => observation,
        Reading::Irrelevant(reason) => return ignored(reason),
    };
    let rules = Rules::configured()?;
    let key = format!("subscription/{}", observation.subscription);
    let before: Facts = state::get(&key)?.unwrap_or_default();
    let mut after = before.clone();
    after.learn(&observation);
    if after == before {
        return ignored("nothing new: the facts contain this event, or a later one");
    }

    let change = Change::of(&observation, &before, &after, &rules);
    effects::act(&change)?;
    calendar::plan(&observation.subscription, &after, &rules, event.received_ms)?;
    state::set(&key, &after)?;
    log::info!(
        "subscription",
        id = observation.subscription,
        was = change.before,
        is = change.after
    );
    done()
}
