//! Stripe's events: the envelope, and the objects of the common events. Unknown fields are ignored,
//! and what moved between API versions is behind methods, so events of older and newer API versions
//! are readable too.
//!
//! ```
//! use tollgate_handler::prelude::*;
//! use tollgate_handler::stripe::{Invoice, Reading};
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let Reading::Found(envelope) = stripe::read::<Invoice>(&event)? else {
//!         return ignored("Stripe no longer has the invoice");
//!     };
//!     let invoice = envelope.data.object;
//!     let Some(subscription) = invoice.subscription() else {
//!         return ignored("the invoice belongs to no subscription");
//!     };
//!     state::add(&format!("paid/{subscription}"), invoice.amount_paid.unwrap_or(0))?;
//!     done()
//! }
//! # let mut host = tollgate_handler::testing::Host::new();
//! # let event = tollgate_handler::testing::event("invoice.paid",
//! #     &json!({"id": "evt_1", "type": "invoice.paid", "created": 1, "data": {"object": {
//! #         "id": "in_1", "currency": "eur", "amount_paid": 5, "subscription": "sub_1"}}}));
//! # assert_eq!(host.run(handle, event).result, done());
//! # assert_eq!(host.counter("paid/sub_1"), 5);
//! ```
//!
//! Field names and API versions are from the types of Stripe's library for Node: npm stripe 10.17.0
//! (API 2022-08-01), 11.18.0 and 12.18.0 (2022-11-15), 13.0.0 to 17.7.0 (2023-08-16 to
//! 2025-02-24.acacia), 18.0.0 (2025-03-31.basil), 19.2.0, 20.1.0, 21.0.0 to 23.0.0 and 23.1.0
//! (2026-10-28.endive).

mod charge;
mod checkout_session;
mod dispute;
mod expandable;
mod invoice;
mod invoice_line;
mod list;
mod payment_intent;
mod payout;
mod people;
mod refund;
mod subscription;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::{Error, Event, config, resolved};

pub use charge::{Charge, ChargeStatus};
pub use checkout_session::{
    CheckoutMode, CheckoutPaymentStatus, CheckoutSession, CheckoutStatus, TotalDetails,
};
pub use dispute::{BalanceTransaction, Dispute, DisputeStatus, EvidenceDetails};
pub use expandable::Expandable;
pub use invoice::{BillingReason, CollectionMethod, Invoice, InvoiceStatus};
pub use invoice_line::{InvoiceLine, Period};
pub use list::List;
pub use payment_intent::{PaymentError, PaymentIntent, PaymentIntentStatus};
pub use payout::{Payout, PayoutStatus, TraceId};
pub use people::{Address, Details, Metadata, Shipping};
pub use refund::{Refund, RefundStatus};
pub use subscription::{Price, Recurring, Subscription, SubscriptionItem, SubscriptionStatus};

/// What Stripe puts before the type of a snapshot event to get the type of the thin event.
const THIN: &str = "v1.";

/// A Stripe event with the object that it is about.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
pub struct StripeEvent<T> {
    /// Stripe's id of the event, `evt_…`.
    pub id: String,
    /// The event type, such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The time at which the event happened: seconds since the Unix epoch.
    pub created: i64,
    /// True for real money, false for Stripe's test mode. Each event of Stripe has this field.
    #[serde(default)]
    pub livemode: Option<bool>,
    /// The connected account that the event belongs to, if there is one.
    #[serde(default)]
    pub account: Option<String>,
    /// The part with the object.
    pub data: Data<T>,
    /// The time at which the object was read from Stripe's API: milliseconds since the Unix epoch.
    /// `None` if the object came with the event, so that it is as old as the event. Otherwise the
    /// object may have changed since the event happened.
    #[serde(skip)]
    pub read_ms: Option<u64>,
}

/// The part of an event that holds the object.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
pub struct Data<T> {
    /// The object as it was when the event happened or, for a thin event, when it was read.
    pub object: T,
}

/// An event of Stripe in either of its forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading<T> {
    /// The event with its object.
    Found(StripeEvent<T>),
    /// The event is thin, and Stripe no longer has the object. The event's subject is its id.
    Gone(StripeEvent<()>),
}

/// A thin event, as far as it is read.
#[derive(serde::Deserialize)]
struct ThinEvent {
    id: String,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(default)]
    context: Option<String>,
}

/// Returns the type of an event in the words of snapshot events: `payment_intent.succeeded` for
/// `v1.payment_intent.succeeded` too.
pub fn kind(event: &Event) -> &str {
    event.kind.strip_prefix(THIN).unwrap_or(&event.kind)
}

/// Reads an event with its object, whether it is a snapshot event, which has the object with it, or
/// a thin event, whose object the gateway has read from Stripe's API.
///
/// # Errors
/// [`Error::Payload`] if the event or the object cannot be read, and if the event is thin and its
/// source has no `resolve` in the manifest.
pub fn read<T: DeserializeOwned>(event: &Event) -> Result<Reading<T>, Error> {
    if !event.kind.starts_with(THIN) {
        return event.json().map(Reading::Found);
    }
    let thin: ThinEvent = event.json()?;
    let answer = resolved::object().ok_or_else(|| Error::Payload {
        kind: event.kind.clone(),
        message: "a thin event has no object: set `resolve` on its source in the manifest, or see \
                  in `tollgate events show` why the object was not asked for"
            .into(),
    })?;
    let object = answer.json::<T>(event)?;
    let created = event.created_ms.unwrap_or(event.received_ms) / 1000;
    let envelope = StripeEvent {
        id: thin.id,
        kind: kind(event).into(),
        created: created.try_into().unwrap_or(i64::MAX),
        livemode: thin.livemode,
        account: thin.context.as_deref().map(account_of),
        data: Data { object: () },
        read_ms: Some(answer.read_ms),
    };
    Ok(match object {
        None => Reading::Gone(envelope),
        Some(object) => Reading::Found(envelope.with(object)),
    })
}

/// The account at the end of a context such as `org_1/acct_2`.
fn account_of(context: &str) -> String {
    context.rsplit('/').next().unwrap_or(context).into()
}

impl StripeEvent<()> {
    fn with<T>(self, object: T) -> StripeEvent<T> {
        StripeEvent {
            id: self.id,
            kind: self.kind,
            created: self.created,
            livemode: self.livemode,
            account: self.account,
            data: Data { object },
            read_ms: self.read_ms,
        }
    }
}

impl<T> StripeEvent<T> {
    /// Returns the reason to ignore an event of the other mode; `None` if the handler acts on the
    /// event. The key `livemode` of the handler's config says which events it acts on:
    ///
    /// - `true`, the default: live events;
    /// - `false`: events of Stripe's test mode;
    /// - `"any"`: both.
    ///
    /// Stripe sends the test events of connected accounts to live endpoints too. An event without
    /// the field `livemode` is not Stripe's own. It counts as live.
    pub fn other_mode(&self) -> Result<Option<String>, Error> {
        let live = self.livemode.unwrap_or(true);
        let (wanted, wants) = match config::get("livemode").as_deref() {
            None | Some("true") => (live, "live events"),
            Some("false") => (!live, "events of the test mode"),
            Some("any") => (true, ""),
            Some(other) => {
                return Err(Error::Config {
                    key: "livemode".into(),
                    problem: format!("it is true, false or \"any\", not {other:?}"),
                });
            }
        };
        Ok((!wanted).then(|| {
            let mode = if live { "live" } else { "test" };
            format!(
                "{} is of the {mode} mode, and this handler acts on {wants} alone (config \
                 `livemode`)",
                self.id
            )
        }))
    }
}

/// Tells an absent field from `null`: `None` for an absent field, `Some(None)` for `null`. `null`
/// is Stripe's "there is none". An absent field says nothing: other API versions have it under
/// another name.
///
/// ```
/// # use tollgate_handler::prelude::*;
/// #[derive(Deserialize)]
/// struct PaymentIntent {
///     #[serde(default, deserialize_with = "tollgate_handler::stripe::told")]
///     invoice: Option<Option<Expandable>>,
/// }
/// ```
pub fn told<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;
    use serde_json::json;

    use super::*;
    use crate::testing::{self, Host};
    use crate::{Event, Failure, Outcome, done, ignored};

    fn handle(event: Event) -> Result<Outcome, Failure> {
        match event.json::<StripeEvent<IgnoredAny>>()?.other_mode()? {
            Some(reason) => ignored(reason),
            None => done(),
        }
    }

    /// Runs a handler whose config has this `livemode` on an event with that `livemode`.
    fn run(config: Option<serde_json::Value>, livemode: Option<bool>) -> Result<Outcome, Failure> {
        let mut host = config.map_or(Host::new(), |value| Host::new().config("livemode", value));
        let mut event = json!({"id": "evt_1", "type": "a", "created": 1, "data": {"object": {}}});
        if let Some(livemode) = livemode {
            event["livemode"] = livemode.into();
        }
        host.run(handle, testing::event("a", &event)).result
    }

    #[test]
    fn a_handler_acts_on_live_events_alone_unless_its_config_says_otherwise() {
        let acts = |config: Option<serde_json::Value>| {
            [Some(true), Some(false), None].map(|mode| run(config.clone(), mode) == done())
        };
        assert_eq!(acts(None), [true, false, true]);
        assert_eq!(acts(Some(json!(true))), [true, false, true]);
        assert_eq!(acts(Some(json!(false))), [false, true, false]);
        assert_eq!(acts(Some(json!("any"))), [true, true, true]);
        let Ok(Outcome::Ignored(reason)) = run(None, Some(false)) else {
            panic!("a test event is ignored");
        };
        assert!(reason.contains("of the test mode") && reason.contains("`livemode`"));
        let mistake = run(Some(json!("both")), Some(true)).unwrap_err();
        assert!(matches!(mistake, Failure::Reject(why) if why.contains("`livemode`")));
    }

    /// What a handler reads of an event.
    fn read_as(host: &mut Host, event: Event) -> Result<Reading<serde_json::Value>, String> {
        let mut came = None;
        let run = host.run(
            |event| {
                came = Some(read(&event)?);
                done()
            },
            event,
        );
        match run.result {
            Ok(_) => Ok(came.unwrap()),
            Err(Failure::Reject(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_forms_of_an_event_are_read_alike() {
        let snapshot = testing::event(
            "payment_intent.succeeded",
            &json!({"id": "evt_1", "type": "payment_intent.succeeded", "created": 1_760_000_000,
                "livemode": false, "account": "acct_1",
                "data": {"object": {"id": "pi_1", "object": "payment_intent"}}}),
        );
        let mut host = Host::new();
        let Ok(Reading::Found(whole)) = read_as(&mut host, snapshot.clone()) else {
            panic!("the object is in the event");
        };
        assert_eq!(
            (whole.read_ms, &whole.data.object["id"]),
            (None, &json!("pi_1"))
        );
        let thin = testing::thin(&snapshot);
        assert_eq!(
            (thin.kind.as_str(), kind(&thin)),
            ("v1.payment_intent.succeeded", kind(&snapshot))
        );
        let why = read_as(&mut host, thin.clone()).unwrap_err();
        assert!(why.contains("`resolve`"), "{why}");
        host.resolve(&thin, Some(json!({"id": "pi_1", "later": true})));
        let Ok(Reading::Found(read)) = read_as(&mut host, thin.clone()) else {
            panic!("the object was read");
        };
        assert_eq!(read.data.object, json!({"id": "pi_1", "later": true}));
        assert_eq!(read.read_ms, Some(thin.received_ms + 1000));
        let same = |e: &StripeEvent<serde_json::Value>| {
            (e.kind.clone(), e.created, e.livemode, e.account.clone())
        };
        assert_eq!(same(&read), same(&whole));
        host.resolve(&thin, None);
        assert!(matches!(read_as(&mut host, thin), Ok(Reading::Gone(_))));
        assert_eq!(account_of("org_1/acct_2"), "acct_2");
    }

    #[test]
    fn an_absent_field_is_told_from_null() {
        #[derive(serde::Deserialize)]
        struct Object {
            #[serde(default, deserialize_with = "told")]
            invoice: Option<Option<Expandable>>,
        }
        let read = |json: &str| serde_json::from_str::<Object>(json).unwrap().invoice;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"invoice": null}"#), Some(None));
        let id = read(r#"{"invoice": "in_1"}"#).flatten();
        assert_eq!(id.unwrap().id(), "in_1");
    }
}
