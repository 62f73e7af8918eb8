//! References to other objects.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A reference to another object. Stripe sends the id alone, or the whole object if the field is
/// expanded. This type keeps only the id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Expandable(String);

impl Expandable {
    /// Returns the id of the other object.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// Returns the id of the other object, owned.
    pub fn into_id(self) -> String {
        self.0
    }
}

// This code is written by hand, because the code that serde derives for such a choice buffers the
// whole object first and more than doubles the size of a small handler.
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
