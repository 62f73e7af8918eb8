//! The data about one payment and the progress of its order.

use serde_json::value::RawValue;
use tollgate_handler::prelude::*;

use crate::effects;
use crate::observation::{Money, Observation};
use crate::orders;

/// The data about one payment. The state keeps them under `payment/ID`.
///
/// The state also has the opposite direction (see [`orders`]): a later payment for the same order
/// finds the payment that fulfilled the order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Payment {
    order: Option<String>,
    /// True once an event has shown that the payment is for an order.
    is_order: bool,
    paid: Option<Money>,
    /// True once the payment was refunded in full.
    refunded: bool,
    /// The customer's address, until the receipt is queued.
    email: Option<String>,
    email_by_session: bool,
    /// The shipping address, until the order is fulfilled.
    shipping: Option<Box<RawValue>>,
    progress: Progress,
    /// True once it is settled which payment has the order with the present id.
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
    /// Adds an observation. Known data stay, with two exceptions: the addresses of a session
    /// replace those of a payment intent, and the amount of a payment intent replaces that of a
    /// session, because each is the better source. So the order of arrival does not matter.
    pub(crate) fn learn(&mut self, observed: &Observation) {
        self.is_order |= observed.is_order;
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
        let exact = !observed.by_session && self.progress == Progress::Waiting;
        if observed.paid.is_some() && (self.paid.is_none() || exact) {
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

    /// Notes that the payment was refunded in full. Returns the reason why nothing else happens.
    pub(crate) fn refund(&mut self) -> &'static str {
        self.refunded = true;
        match self.progress {
            Progress::Waiting => {
                self.forget_addresses();
                "before it was fulfilled: nothing is shipped"
            }
            Progress::Fulfilled(_) => "after its order was fulfilled",
            Progress::PaidTwice(_) => "and its order was paid by another payment",
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
        let payment = &observed.payment;
        if self.refunded {
            self.forget_addresses();
            return Ok(Some(format!("{payment} was refunded: nothing is shipped")));
        }
        let Some(paid) = self.paid.clone() else {
            return Ok(Some(format!("{payment} is not paid yet")));
        };
        if self.order.is_none() && order_id_required()? {
            return Ok(Some(format!(
                "{payment} waits for the event with its order id"
            )));
        }
        if !self.is_order && self.order.is_none() {
            return Ok(Some(format!(
                "{payment} may be the payment of an invoice: it waits for the event of a checkout \
                 session"
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
        match orders::payment_of(&observed.scope, order)? {
            None => orders::assign(&observed.scope, order, &observed.payment)?,
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
                self.forget_addresses();
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
        self.forget_addresses();
        Ok(())
    }

    /// Drops the addresses: the state keeps no personal data that the handler no longer needs.
    fn forget_addresses(&mut self) {
        self.shipping = None;
        self.email = None;
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
