//! Reminds, suspends and restores subscriptions whose invoices are not paid.
//!
//! Stripe tries to collect an invoice several times and tells of each failure. This
//! handler reminds the customer ever more urgently, grants a grace period, suspends the
//! access, and restores it once all is paid:
//!
//! ```text
//!            payment fails        fails again, or    fails once more or     the grace period
//!                                 time passes        for good, or time      is over
//!                                                    passes
//!  active ──────────────► reminded(1) ─► reminded(n) ──────────► grace ──────────► suspended
//!    ▲                        │                                    │                    │
//!    └────────────────────────┴──────────── all is paid ───────────┴────────────────────┘
//!  from any of these, when the subscription is deleted ──► canceled, for good
//! ```
//!
//! Events may arrive in any order, and more than once. So the handler keeps facts
//! (see `facts`) whose sum does not depend on the order that they came in, derives the
//! phase from them (see `phase`), and acts on the difference that an event makes. A failure
//! of an invoice that is known to be paid makes none, nor does an update older than the
//! last one.
//!
//! The calendar is one of the facts (see `calendar`): the handler has itself woken when the next
//! reminder is due although no other payment was tried, and when a grace period is over. Once all is
//! paid, nothing is scheduled any more. A grace period is over as well when an event of the subscription
//! arrives that happened after it, or when Stripe itself gives up and sets the subscription's status to
//! `unpaid`.
//!
//! # Events
//! `invoice.payment_failed`; `invoice.paid`, `invoice.payment_succeeded` and `invoice.voided`, each
//! of which settles an invoice; `customer.subscription.updated` and
//! `customer.subscription.deleted`. When the first payment of a new subscription fails, the customer
//! is still at the checkout, which says so: there is no reminder.
//!
//! # Config
//! | Key | Meaning |
//! |---|---|
//! | `mail_url` | where mails are requested; needed |
//! | `access_url` | where suspensions and restorations are posted; without it, only events tell of them |
//! | `reminders` | reminders of an invoice before the grace period begins; 3 |
//! | `remind_days` | after so many days without a payment the next reminder goes out, though no other attempt failed; 3. With 0, reminders answer failed attempts alone |
//! | `grace_days` | length of the grace period in days; 7 |
//!
//! # What goes out
//! Requests of one subscription go out in order, by its id as ordering key. Amounts are
//! integers in the currency's minor unit.
//! ```json
//! {"template": "payment_reminder", "level": 2, "customer": "cus_1", "to": "ada@example.com",
//!  "subscription": "sub_1", "invoice": "in_1", "amount": 900, "currency": "eur", "pay_url": "https://…"}
//! {"template": "payment_grace", …, "suspend_at": 1767225600}
//! {"template": "payment_suspended" or "payment_recovered", …}
//! {"subscription": "sub_1", "customer": "cus_1", "access": "suspended" or "restored"}
//! ```
//! Mails know the fields of the invoice that they are about; `payment_recovered` is about none, nor is
//! `payment_suspended` where Stripe gave up before a failed payment was heard of. Emitted, with the
//! subscription as subject: `subscription.suspended`, `subscription.recovered` (from any phase back to
//! active) and `subscription.canceled`, each with `subscription`, `customer` and `was`, the phase before.

mod calendar;
mod effects;
mod facts;
mod news;
mod phase;
#[cfg(test)]
mod tests;

use tollgate_handler::prelude::*;

use effects::Change;
use facts::Facts;
use phase::Rules;

tollgate_handler::handler!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let news = match news::of(&event)? {
        Ok(news) => news,
        Err(reason) => return ignored(reason),
    };
    let rules = Rules::configured()?;
    let key = format!("subscription/{}", news.subscription);
    let before: Facts = state::get(&key)?.unwrap_or_default();
    let mut after = before.clone();
    after.learn(&news);
    if after == before {
        return ignored("nothing new: it was known, or is overtaken by what is known");
    }

    let change = Change::of(&news, &before, &after, &rules);
    effects::act(&change)?;
    calendar::plan(&news.subscription, &after, &rules, event.received_ms)?;
    state::set(&key, &after)?;
    log::info!(
        "subscription",
        id = news.subscription,
        was = change.was,
        is = change.is
    );
    done()
}
