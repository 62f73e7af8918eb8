//! The payment that has an order. The state keeps its id under `order/SCOPE/ID`.
//!
//! Each account has order ids of its own, and so has each mode: an order of the test mode never
//! takes the place of a real order. An order id may be longer than a key of the state. Then the
//! state keeps it under the digest `long-order/SCOPE/DIGEST`, together with all other order ids of
//! that digest, so that two order ids are never mistaken for each other.

use std::collections::BTreeMap;

use tollgate_handler::prelude::*;

/// The longest key of the state in bytes.
const LONGEST_KEY: usize = 512;

/// Returns the payment that has the order; `None` if none has it.
pub(crate) fn payment_of(scope: &str, order: &str) -> Result<Option<String>, Error> {
    let key = key(scope, order);
    if key.len() <= LONGEST_KEY {
        return state::get(&key);
    }
    Ok(long_orders(scope, order)?.remove(order))
}

/// Assigns the order to a payment.
pub(crate) fn assign(scope: &str, order: &str, payment: &str) -> Result<(), Error> {
    let key = key(scope, order);
    if key.len() <= LONGEST_KEY {
        return state::set(&key, payment);
    }
    let mut orders = long_orders(scope, order)?;
    orders.insert(order.into(), payment.into());
    state::set(&long_key(scope, order), &orders)
}

fn key(scope: &str, order: &str) -> String {
    format!("order/{scope}/{order}")
}

fn long_key(scope: &str, order: &str) -> String {
    format!("long-order/{scope}/{:016x}", digest(order))
}

/// Returns the long order ids that share a digest, with their payments.
fn long_orders(scope: &str, order: &str) -> Result<BTreeMap<String, String>, Error> {
    Ok(state::get(&long_key(scope, order))?.unwrap_or_default())
}

/// Returns the 64-bit FNV-1a hash. Equal digests of two order ids do no harm.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
