//! What is known of one payment, and how far its order has got.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

use crate::effects;
use crate::sighting::{Money, Sighting};

/// What is known of one payment; kept under `payment/ID`.
///
/// The order that it pays for is kept the other way round too: `order/ACCOUNT/ID` holds the
/// payment that fulfilled it, so that whichever comes first is found by the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Payment {
    order: Option<String>,
    paid: Option<Money>,
    /// Kept until the receipt is queued.
    email: Option<String>,
    email_by_session: bool,
    /// Kept until the order is fulfilled.
    shipping: Option<Box<RawValue>>,
    progress: Progress,
    /// Whether the order, as it is named now, is known to belong to this payment.
    order_settled: bool,
    receipt_queued: bool,
}

/// How far a payment's order has got.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    /// Not all is known that it takes.
    #[default]
    Waiting,
    /// The warehouse was asked, under this name.
    Fulfilled(String),
    /// Another payment, this one, had fulfilled the order before.
    PaidTwice(String),
}

impl Payment {
    /// Adds what an event says. What is known stays, but a session knows better how
    /// the customer is reached: so the order of arrival does not matter.
    pub(crate) fn learn(&mut self, seen: &Sighting) {
        if self.order.is_none() {
            self.order.clone_from(&seen.order);
        } else if seen.order.is_some() && self.order != seen.order {
            log::warn!(
                "two names for the order of one payment; the first holds",
                payment = seen.payment,
                first = self.order.as_deref().unwrap_or_default(),
                second = seen.order.as_deref().unwrap_or_default(),
            );
        }
        if self.paid.is_none() {
            self.paid.clone_from(&seen.paid);
        }
        let better = self.email.is_none() || (seen.by_session && !self.email_by_session);
        if !self.receipt_queued && seen.email.is_some() && better {
            self.email.clone_from(&seen.email);
            self.email_by_session = seen.by_session;
        }
        if self.progress == Progress::Waiting && (self.shipping.is_none() || seen.by_session) {
            self.shipping = seen.shipping.clone().or(self.shipping.take());
        }
    }

    /// Does what has become possible.
    pub(crate) fn advance(&mut self, seen: &Sighting) -> Result<Outcome, Failure> {
        let before = self.clone();
        match self.progress {
            Progress::Waiting => {
                if let Some(reason) = self.fulfil(seen)? {
                    return ignored(reason);
                }
            }
            Progress::Fulfilled(_) => self.settle_order(seen)?,
            Progress::PaidTwice(_) => {}
        }
        self.send_receipt()?;
        if before.progress == self.progress && before.receipt_queued == self.receipt_queued {
            return ignored(format!("{} needs nothing more", seen.payment));
        }
        done()
    }

    /// Has the order shipped, or says what is still missing.
    fn fulfil(&mut self, seen: &Sighting) -> Result<Option<String>, Failure> {
        let Some(paid) = self.paid.clone() else {
            return Ok(Some(format!("{} is not paid yet", seen.payment)));
        };
        if self.order.is_none() && order_id_required()? {
            return Ok(Some(format!(
                "{} waits for the event that names its order",
                seen.payment
            )));
        }
        self.settle_order(seen)?;
        if self.progress != Progress::Waiting {
            return Ok(None);
        }
        let order = self.order.clone().unwrap_or_else(|| seen.payment.clone());
        effects::ship(
            &order,
            &seen.payment,
            &paid,
            self.shipping.take().as_deref(),
        )?;
        effects::tell("order.fulfilled", &order, &seen.payment, &paid)?;
        log::info!(
            "fulfilled",
            order = order,
            payment = seen.payment,
            amount = paid.amount
        );
        self.progress = Progress::Fulfilled(order);
        Ok(None)
    }

    /// Ties the order, once it has a name, to this payment, unless another had it first.
    fn settle_order(&mut self, seen: &Sighting) -> Result<(), Failure> {
        let (Some(order), false) = (&self.order, self.order_settled) else {
            return Ok(());
        };
        let key = format!("order/{}/{order}", seen.account.as_deref().unwrap_or("-"));
        match state::get::<String>(&key)? {
            None => state::set(&key, &seen.payment)?,
            Some(first) => {
                let paid = self.paid.clone().unwrap_or(Money {
                    amount: 0,
                    currency: String::new(),
                });
                log::warn!(
                    "paid twice",
                    order = order,
                    first = first,
                    second = seen.payment
                );
                effects::tell("order.paid_twice", order, &seen.payment, &paid)?;
                self.progress = Progress::PaidTwice(first);
                self.shipping = None;
                self.email = None;
            }
        }
        self.order_settled = true;
        Ok(())
    }

    /// Has the receipt mailed, once, when the order is fulfilled and an address known.
    fn send_receipt(&mut self) -> Result<(), Failure> {
        let Progress::Fulfilled(order) = &self.progress else {
            return Ok(());
        };
        let (Some(email), Some(paid), false) = (&self.email, &self.paid, self.receipt_queued)
        else {
            return Ok(());
        };
        effects::mail_receipt(email, order, paid)?;
        self.receipt_queued = true;
        // What is no longer needed of the customer is not kept.
        self.email = None;
        Ok(())
    }
}

fn order_id_required() -> Result<bool, Failure> {
    match config::get("order_id").as_deref() {
        None | Some("optional") => Ok(false),
        Some("required") => Ok(true),
        Some(other) => Err(reject(format!(
            "config `order_id` is \"optional\" or \"required\", not {other:?}"
        ))),
    }
}
