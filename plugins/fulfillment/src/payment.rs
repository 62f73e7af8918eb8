//! The data about one payment and the progress of its order.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

use crate::effects;
use crate::observation::{Money, Observation};

/// The data about one payment. The state keeps them under `payment/ID`.
///
/// The state also has the opposite direction: `order/ACCOUNT/ID` holds the payment that fulfilled
/// the order, so a later payment for the same order finds the first one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Payment {
    order: Option<String>,
    paid: Option<Money>,
    /// The customer's address, until the receipt is queued.
    email: Option<String>,
    email_by_session: bool,
    /// The shipping address, until the order is fulfilled.
    shipping: Option<Box<RawValue>>,
    progress: Progress,
    /// True once `order/ACCOUNT/ID` is settled for the present id of the order.
    order_settled: bool,
    receipt_queued: bool,
}

/// The progress of a payment's order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    /// Data are still missing.
    #[default]
    Waiting,
    /// The warehouse was asked to ship the order with this id.
    Fulfilled(String),
    /// Another payment, with this id, had fulfilled the order before.
    PaidTwice(String),
}

impl Payment {
    /// Adds an observation. Known data stay, except that the addresses of a session replace those
    /// of a payment intent, because a session is the better source. So the order of arrival does
    /// not matter.
    pub(crate) fn learn(&mut self, observed: &Observation) {
        if self.order.is_none() {
            self.order.clone_from(&observed.order);
        } else if observed.order.is_some() && self.order != observed.order {
            log::warn!(
                "one payment has two order ids; the first one counts",
                payment = observed.payment,
                first = self.order.as_deref().unwrap_or_default(),
                second = observed.order.as_deref().unwrap_or_default(),
            );
        }
        if self.paid.is_none() {
            self.paid.clone_from(&observed.paid);
        }
        let better = self.email.is_none() || (observed.by_session && !self.email_by_session);
        if !self.receipt_queued && observed.email.is_some() && better {
            self.email.clone_from(&observed.email);
            self.email_by_session = observed.by_session;
        }
        if self.progress == Progress::Waiting && (self.shipping.is_none() || observed.by_session) {
            self.shipping = observed.shipping.clone().or(self.shipping.take());
        }
    }

    /// Acts as far as the data allow.
    pub(crate) fn advance(&mut self, observed: &Observation) -> Result<Outcome, Failure> {
        let before = self.clone();
        match self.progress {
            Progress::Waiting => {
                if let Some(reason) = self.fulfil(observed)? {
                    return ignored(reason);
                }
            }
            Progress::Fulfilled(_) => self.settle_order(observed)?,
            Progress::PaidTwice(_) => {}
        }
        self.send_receipt()?;
        if before.progress == self.progress && before.receipt_queued == self.receipt_queued {
            return ignored(format!("{} needs no further action", observed.payment));
        }
        done()
    }

    /// Ships the order. Returns the reason if data are still missing.
    fn fulfil(&mut self, observed: &Observation) -> Result<Option<String>, Failure> {
        let Some(paid) = self.paid.clone() else {
            return Ok(Some(format!("{} is not paid yet", observed.payment)));
        };
        if self.order.is_none() && order_id_required()? {
            return Ok(Some(format!(
                "{} waits for the event with its order id",
                observed.payment
            )));
        }
        self.settle_order(observed)?;
        if self.progress != Progress::Waiting {
            return Ok(None);
        }
        let order = self
            .order
            .clone()
            .unwrap_or_else(|| observed.payment.clone());
        effects::ship(
            &order,
            &observed.payment,
            &paid,
            self.shipping.take().as_deref(),
        )?;
        effects::emit_event("order.fulfilled", &order, &observed.payment, &paid)?;
        log::info!(
            "fulfilled",
            order = order,
            payment = observed.payment,
            amount = paid.amount
        );
        self.progress = Progress::Fulfilled(order);
        Ok(None)
    }

    /// Assigns the order, once its id is known, to this payment, unless another payment has it.
    fn settle_order(&mut self, observed: &Observation) -> Result<(), Failure> {
        let (Some(order), false) = (&self.order, self.order_settled) else {
            return Ok(());
        };
        let key = format!(
            "order/{}/{order}",
            observed.account.as_deref().unwrap_or("-")
        );
        match state::get::<String>(&key)? {
            None => state::set(&key, &observed.payment)?,
            Some(first) => {
                let paid = self.paid.clone().unwrap_or(Money {
                    amount: 0,
                    currency: String::new(),
                });
                log::warn!(
                    "paid twice",
                    order = order,
                    first = first,
                    second = observed.payment
                );
                effects::emit_event("order.paid_twice", order, &observed.payment, &paid)?;
                self.progress = Progress::PaidTwice(first);
                self.shipping = None;
                self.email = None;
            }
        }
        self.order_settled = true;
        Ok(())
    }

    /// Queues the receipt mail, once, when the order is fulfilled and an address is known.
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
        // The state keeps no personal data that the handler no longer needs.
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
