//! The types of keys, read from the words of the documentation.

use serde_json::{Map, Value, json};

/// Words that stand for a string, at the beginning of a type.
const STRINGS: [&str; 14] = [
    "URL",
    "\"",
    "`https",
    "address",
    "fixture",
    "host",
    "https URL",
    "letters",
    "name",
    "one character",
    "path",
    "pointer",
    "text",
    "the",
];

/// A reference to a definition.
pub(super) fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// The definitions of types that many keys have.
pub(super) fn definitions() -> Map<String, Value> {
    let file = json!({
        "type": "object",
        "properties": { "file": { "type": "string" } },
        "required": ["file"],
        "additionalProperties": false,
    });
    let secret_with_end = json!({
        "type": "object",
        "properties": {
            "value": { "type": "string" },
            "file": { "type": "string" },
            "expires": { "type": "string", "description": "A date and time (RFC 3339)" },
        },
        "additionalProperties": false,
    });
    let definitions = json!({
        "duration": {
            "type": "string",
            "pattern": "^([0-9]+(d|h|ms|m|s))+$",
            "description": "Whole numbers with units, such as 250ms, 5m or 1h30m",
        },
        "size": {
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *(B|KB|MB|GB|KiB|MiB|GiB)$",
            "description": "A whole number with a unit, such as 64MiB, or a number of bytes",
        },
        "rate": {
            "type": "string",
            "pattern": "^[0-9]+/(s|m|h)$",
            "description": "A whole number and a time, such as 100/s",
        },
        "secret": { "anyOf": [{ "type": "string" }, file] },
        "source_secret": { "anyOf": [{ "type": "string" }, secret_with_end] },
        "place": { "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] },
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// The schema of a type, in the words of the page: `duration, 1 s to 1 d`, `true or false`.
pub(super) fn kind_of(text: &str) -> Value {
    let text = text.split(';').next().unwrap_or_default();
    let text = [", required", ", needed"]
        .iter()
        .fold(text, |text, end| text.strip_suffix(end).unwrap_or(text));
    let text = text.split(", default").next().unwrap_or(text).trim();
    if let Some(choice) = choice(text) {
        return choice;
    }
    if let Some(range) = range(text) {
        return range;
    }
    let first = text.split([' ', ',']).next().unwrap_or_default();
    match first {
        "true" => json!({ "type": "boolean" }),
        "duration" => alternatives(refer("duration"), text),
        "size" | "rate" | "secret" | "place" => refer(first),
        "secrets" => json!({ "type": "array", "items": refer("source_secret") }),
        "paths" => json!({ "type": "string" }),
        "number" => json!({ "type": "integer", "minimum": 0 }),
        "array" => array(text),
        "table" | "[retry" if text.contains("of secrets") => {
            json!({ "type": "object", "additionalProperties": refer("secret") })
        }
        "table" => alternatives(json!({ "type": "object" }), text),
        _ if STRINGS.iter().any(|word| text.starts_with(word)) => json!({ "type": "string" }),
        _ => json!({}),
    }
}

fn array(text: &str) -> Value {
    let items = match text {
        "array of tables" => json!({ "type": "object" }),
        text if text.starts_with("array of {") || text.starts_with("array of `{") => {
            json!({ "type": "object" })
        }
        "array of secrets" => refer("source_secret"),
        _ => json!({ "type": "string" }),
    };
    json!({ "type": "array", "items": items })
}

/// The type, or one of the values that the text names beside it.
fn alternatives(kind: Value, text: &str) -> Value {
    let values: Vec<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(value)
        .collect();
    match values.is_empty() {
        true => kind,
        false => json!({ "anyOf": [kind, { "enum": values }] }),
    }
}

/// One of several values, if the text names nothing else.
fn choice(text: &str) -> Option<Value> {
    let values = text.replace(", or ", ", ").replace(" or ", ", ");
    let values: Option<Vec<Value>> = values
        .split(", ")
        .map(|one| value(one.strip_prefix('`')?.strip_suffix('`')?))
        .collect();
    // A form such as `"sqlite:PATH"` is no value.
    let values = values.filter(|all| all.iter().all(|one| !is_form(one)))?;
    Some(json!({ "enum": values }))
}

fn is_form(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.contains(':') || text.contains('{')
}

/// A value as the manifest has it: a text with or without quotes, or true or false.
fn value(text: &str) -> Option<Value> {
    match text {
        "true" | "false" => Some((text == "true").into()),
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        number if number.parse::<i64>().is_ok() => number.parse::<i64>().ok().map(Value::from),
        word if word.contains(' ') => None,
        word => Some(word.into()),
    }
}

/// `1 to 1,000,000`, `0.01 to 1`.
fn range(text: &str) -> Option<Value> {
    let (min, max) = text.split_once(" to ")?;
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
    let (min, max) = (number(min)?, number(max)?);
    let is_share = max <= 1.0 || min.fract() != 0.0 || (min, max) == (1.0, 100.0);
    let (kind, min, max) = match is_share {
        true => ("number", json!(min), json!(max)),
        false => ("integer", json!(min as u64), json!(max as u64)),
    };
    Some(json!({ "type": kind, "minimum": min, "maximum": max }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_types() {
        for (text, schema) in [
            ("true or false", json!({ "type": "boolean" })),
            ("duration, 1 s to 1 d", refer("duration")),
            (
                "duration, 1 s to 100 years, or `\"forever\"`",
                json!({ "anyOf": [refer("duration"), { "enum": ["forever"] }] }),
            ),
            ("size, up to 4 KiB", refer("size")),
            (
                "1 to 1,000,000",
                json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
            ),
            (
                "0 to 1",
                json!({ "type": "number", "minimum": 0.0, "maximum": 1.0 }),
            ),
            (
                "`\"read\"` or `\"operate\"`, needed",
                json!({ "enum": ["read", "operate"] }),
            ),
            ("`bare`, `pairs`", json!({ "enum": ["bare", "pairs"] })),
            ("`\"sqlite:PATH\"`", json!({})),
            (
                "array of secrets",
                json!({ "type": "array", "items": refer("source_secret") }),
            ),
            ("name, required", json!({ "type": "string" })),
        ] {
            assert_eq!(kind_of(text), schema, "{text}");
        }
    }
}
