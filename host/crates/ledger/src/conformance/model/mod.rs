//! Random histories against a model: what the ledger should hold, in plain maps.
//!
//! The model says what each step comes to before the ledger is asked, down to the places of
//! deliveries and to what the sink is given.

mod attempts;
mod keeping;
mod operating;
mod play;
mod resolving;
mod state;
mod steps;
mod turns;

pub use play::random_histories_match_the_model;
