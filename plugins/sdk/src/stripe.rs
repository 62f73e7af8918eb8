//! Stripe's envelope, as far as handlers need it. Unknown fields are ignored, so
//! that newer API versions still read.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// An event of Stripe with the object that it is about.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
pub struct StripeEvent<T> {
    /// `evt_…`.
    pub id: String,
    /// Its type, such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened: seconds since the Unix epoch.
    pub created: i64,
    /// Whether real money moved.
    #[serde(default)]
    pub livemode: bool,
    /// The connected account that it belongs to, if any.
    #[serde(default)]
    pub account: Option<String>,
    /// What it is about.
    pub data: Data<T>,
}

/// What an event is about.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
pub struct Data<T> {
    /// The object as it was when the event happened.
    pub object: T,
}

/// A reference to another object: Stripe gives its id alone or, where it was
/// expanded, the whole of it. Only the id is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Expandable(String);

impl Expandable {
    /// The id of the object that is referred to.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// The same, to be kept.
    pub fn into_id(self) -> String {
        self.0
    }
}

// By hand: what serde derives for a choice of shapes buffers the whole object first,
// and more than doubles the size of a small handler.
impl<'de> Deserialize<'de> for Expandable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor).map(Expandable)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id or an object with an id")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<String, E> {
        Ok(id.to_owned())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        let mut id = None;
        while let Some(key) = object.next_key::<String>()? {
            if key == "id" {
                id = Some(object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        id.ok_or_else(|| de::Error::missing_field("id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expandable_is_an_id_or_an_object() {
        let read = |json: &str| serde_json::from_str::<Expandable>(json).map(Expandable::into_id);
        assert_eq!(read(r#""pi_1""#).unwrap(), "pi_1");
        assert_eq!(
            read(r#"{"object": {"id": 1}, "id": "pi_1", "a": [2]}"#).unwrap(),
            "pi_1"
        );
        assert!(
            read(r#"{"object": "x"}"#)
                .unwrap_err()
                .to_string()
                .contains("id")
        );
        assert!(read("7").is_err());
    }
}
