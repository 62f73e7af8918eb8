//! The customer of a payment and the place to ship to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The metadata that the business gave to an object. Stripe keeps texts alone.
pub type Metadata = BTreeMap<String, String>;

/// Who receives a shipment, and where. The shape is that of `payment_intent.shipping` and of a
/// checkout session's shipping details.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Shipping {
    /// The receiver's name.
    pub name: Option<String>,
    /// The receiver's telephone number. A checkout session has it in its customer details.
    pub phone: Option<String>,
    /// The place.
    pub address: Option<Address>,
    /// The company that ships, such as `DHL`.
    pub carrier: Option<String>,
    /// The number under which the shipment can be followed.
    pub tracking_number: Option<String>,
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Address {
    /// The street and the number, or a post office box.
    pub line1: Option<String>,
    /// The apartment, the floor or the building.
    pub line2: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// The state, county or province.
    pub state: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The country: two letters (ISO 3166-1).
    pub country: Option<String>,
}

/// What a customer told about themselves: `customer_details` of a checkout session,
/// `billing_details` of a charge.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Details {
    /// The e-mail address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
    /// The address of the invoice.
    pub address: Option<Address>,
}
