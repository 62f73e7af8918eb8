//! Tests of the typed payloads of Stripe, Adyen and PayPal.
//!
//! `data/` has the events that `tollgate trigger --scheme SCHEME EVENT --print --seed 7` prints, of
//! Stripe also in older shapes (`--api-version`); an event of Adyen is one item, as the gateway
//! hands items on.

mod adyen;
mod fixtures;
mod hostile;
mod paypal;
mod paypal_money;
mod stripe;
mod stripe_moved;
