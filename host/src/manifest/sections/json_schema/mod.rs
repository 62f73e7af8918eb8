//! A JSON Schema of the manifest, for editors.
//!
//! The keys are those that the parser knows: its own lists. The type, the default and the meaning
//! of a key are those of the manifest's page in the documentation, so that an editor says what the
//! page says. [`tables`] says which table is where. The schema is of draft 7, which the editors'
//! plugins for TOML read.

mod kinds;
mod page;
mod tables;

use serde_json::{Map, Value, json};

use kinds::{kind_of, refer};
use page::Page;
use tables::{Other, Reference, Shape, TABLES};

/// The schema.
pub(crate) fn json_schema() -> Value {
    let page = Page::read();
    let definitions = TABLES
        .iter()
        .map(|table| (table.name.to_owned(), definition(table, &page)));
    let mut definitions: Map<_, _> = definitions.collect();
    definitions.extend(kinds::definitions());
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "tollgate.toml",
        "description": "The manifest of Tollgate, a gateway for payment webhooks.",
        "$ref": "#/definitions/manifest",
        "definitions": definitions,
    })
}

/// The schema of one table.
fn definition(table: &Reference, page: &Page) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in table.schema_keys() {
        let row = page.row(table.at, key);
        let shape = table.shapes.iter().find(|(name, _)| name == key);
        let mut property = match (shape, row) {
            (Some((_, shape)), _) => schema_of(shape),
            (None, Some(row)) => kind_of(&row.kind),
            (None, None) => json!({}),
        };
        if !property["$ref"].is_null() {
            property = within(property);
        }
        if let (Value::Object(property), Some(row)) = (&mut property, row) {
            property.insert("description".to_owned(), row.description().into());
        }
        if row.is_some_and(|row| row.is_required()) {
            required.push(key);
        }
        properties.insert((*key).to_owned(), property);
    }
    let mut definition = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": match table.other {
            Other::Refused => Value::Bool(false),
            Other::Settings => json!({ "type": ["array", "boolean", "object", "string"] }),
        },
    });
    if !required.is_empty() {
        definition["required"] = json!(required);
    }
    definition
}

fn schema_of(shape: &Shape) -> Value {
    match shape {
        Shape::Table(name) => within(refer(name)),
        Shape::Array(name) => json!({ "type": "array", "items": refer(name) }),
        Shape::Map(name) => json!({ "type": "object", "additionalProperties": refer(name) }),
        Shape::Or(kind, name) => json!({ "anyOf": [kind_of(kind), refer(name)] }),
        Shape::Kind(kind) => kind_of(kind),
        Shape::Version => json!({ "const": 1 }),
    }
}

/// A reference that may stand beside a description: draft 7 ignores what stands beside `$ref`.
fn within(reference: Value) -> Value {
    json!({ "allOf": [reference] })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_type_and_the_page_describes_it() {
        let page = Page::read();
        for table in TABLES {
            for key in table.schema_keys() {
                let known = page.row(table.at, key).is_some();
                let said = table.shapes.iter().any(|(name, _)| name == key);
                assert!(known || said, "{}: `{key}` is not described", table.name);
                if known || said {
                    let schema = definition(table, &page);
                    let property = &schema["properties"][*key];
                    let kinds = ["type", "anyOf", "allOf", "$ref", "const", "enum"];
                    let has_kind = kinds.iter().any(|kind| !property[*kind].is_null());
                    assert!(has_kind, "{}: `{key}` has no type: {property}", table.name);
                }
            }
            for (key, _) in table.shapes {
                let known = table.schema_keys().iter().any(|name| name == key);
                assert!(known, "{}: `{key}` is no key", table.name);
            }
        }
    }

    #[test]
    fn every_row_of_the_page_is_of_a_key() {
        let page = Page::read();
        for (at, key) in page.keys() {
            let mut places = TABLES.iter().filter(|table| table.at.contains(&at));
            let known = places.any(|table| table.schema_keys().contains(&key));
            assert!(
                known,
                "the page has a row `{key}` at {at:?}, and there is no such key"
            );
        }
    }

    #[test]
    fn every_reference_leads_to_a_definition() {
        let schema = json_schema();
        let text = schema.to_string();
        for part in text.split("#/definitions/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schema["definitions"][name].is_object(), "{name}");
        }
    }
}
