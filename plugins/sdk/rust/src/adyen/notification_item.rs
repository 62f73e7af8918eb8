//! One item of a standard webhook.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;

use super::{Amount, EventCode};
use crate::lenient::{empty_is_none, null_is_default};
use crate::texts::texts;

/// An item of a standard webhook (`scheme = "adyen"`), with or without the object
/// `NotificationRequestItem` around it. The gateway makes an event of each item, so the item is the
/// whole payload.
///
/// The field `live` is not part of an item: Adyen writes `live` once for all items of a request.
/// `livemode = true` of the source keeps events of the test mode from handlers.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(try_from = "Wrapped")]
#[non_exhaustive]
pub struct NotificationItem {
    /// The reference of what happened: of the payment or, for a capture or refund, its own.
    pub psp_reference: String,
    /// The reference of the payment that was captured, refunded or disputed. `None` for an
    /// authorisation. See [`NotificationItem::payment`].
    pub original_reference: Option<String>,
    /// The kind of event.
    pub event_code: EventCode,
    /// True if what `event_code` names was done. A refused payment is an `AUTHORISATION` with
    /// `false`.
    pub success: bool,
    /// The amount.
    pub amount: Option<Amount>,
    /// The merchant account.
    pub merchant_account_code: Option<String>,
    /// The business's own reference.
    pub merchant_reference: Option<String>,
    /// The time of the event as Adyen writes it, such as `2026-12-01T02:48:39+01:00`.
    pub event_date: Option<String>,
    /// The payment method, such as `visa`.
    pub payment_method: Option<String>,
    /// Why the event failed, or the reason of a dispute. Of a successful card payment: a part of
    /// the card's number and its date, with colons.
    pub reason: Option<String>,
    /// What can be done with the payment now.
    pub operations: Vec<Operation>,
    /// Further fields, which the settings in Adyen's Customer Area choose. Numbers and flags are
    /// here as texts; what is no text, number or flag is left out.
    pub additional_data: BTreeMap<String, String>,
}

texts! {
    /// What can be done with a payment.
    Operation {
        Cancel = "CANCEL",
        Capture = "CAPTURE",
        Refund = "REFUND",
    }
}

impl NotificationItem {
    /// Returns the reference of the payment: `originalReference` or, of an authorisation,
    /// `pspReference`.
    pub fn payment(&self) -> &str {
        let original = self.original_reference.as_deref();
        original.unwrap_or(&self.psp_reference)
    }

    /// Returns a field of `additionalData`, such as `chargebackReasonCode`.
    pub fn additional(&self, name: &str) -> Option<&str> {
        self.additional_data.get(name).map(String::as_str)
    }
}

/// The fields of an item, and the object inside if these are the fields of the one around it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrapped {
    #[serde(rename = "NotificationRequestItem")]
    item: Option<Box<Wrapped>>,
    psp_reference: Option<String>,
    #[serde(default, deserialize_with = "empty_is_none")]
    original_reference: Option<String>,
    event_code: Option<EventCode>,
    #[serde(default, deserialize_with = "flag")]
    success: Option<bool>,
    amount: Option<Amount>,
    #[serde(default, deserialize_with = "empty_is_none")]
    merchant_account_code: Option<String>,
    #[serde(default, deserialize_with = "empty_is_none")]
    merchant_reference: Option<String>,
    #[serde(default, deserialize_with = "empty_is_none")]
    event_date: Option<String>,
    #[serde(default, deserialize_with = "empty_is_none")]
    payment_method: Option<String>,
    #[serde(default, deserialize_with = "empty_is_none")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    operations: Vec<Operation>,
    #[serde(default, deserialize_with = "texts_of")]
    additional_data: BTreeMap<String, String>,
}

impl TryFrom<Wrapped> for NotificationItem {
    type Error = &'static str;

    fn try_from(fields: Wrapped) -> Result<Self, Self::Error> {
        let fields = match fields.item {
            Some(item) => *item,
            None => fields,
        };
        let psp_reference = fields.psp_reference.filter(|text| !text.is_empty());
        Ok(NotificationItem {
            psp_reference: psp_reference.ok_or("the item has no `pspReference`")?,
            original_reference: fields.original_reference,
            event_code: fields.event_code.ok_or("the item has no `eventCode`")?,
            success: fields.success.ok_or("the item has no `success`")?,
            amount: fields.amount,
            merchant_account_code: fields.merchant_account_code,
            merchant_reference: fields.merchant_reference,
            event_date: fields.event_date,
            payment_method: fields.payment_method,
            reason: fields.reason,
            operations: fields.operations,
            additional_data: fields.additional_data,
        })
    }
}

/// Reads a flag that is sent as text or as a JSON boolean.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(FlagVisitor).map(Some)
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false, as a text or as a flag")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<bool, E> {
        Ok(flag)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}

/// Reads the texts of a map that may hold anything.
fn texts_of<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let map = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?;
    let texts = map.unwrap_or_default().into_iter();
    let texts = texts.filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Bool(flag) => Some((name, flag.to_string())),
        _ => None,
    });
    Ok(texts.collect())
}
