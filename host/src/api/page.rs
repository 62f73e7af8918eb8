//! `docs/api.md`, made of the document that describes the API.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::router::described;
use crate::prose::wrapped;

const HEAD: &str = "\
# The admin API

The admin listener answers these calls. This page is made of the document that the gateway serves
at `GET /api/openapi.json`; `PAGES=write cargo nextest run -E 'test(api::page)'` writes it anew.
Tokens, roles and refused requests are in [operating.md](operating.md#the-admin-service).

- A call with a body takes `Content-Type: application/json`. An empty body is an empty object.
- Lists are pages: `{\"items\": […], \"next\": …}`. `next` is a cursor: the `after` of the next page,
  or `null` at the end. A cursor is text without a meaning outside of its list. A page may hold less
  than its limit although more follows, since each call looks at a bounded number of rows.
- A change of many items works the same way: each call answers with the `next` and the `until` that
  the next call sends as `after` and `until`.
- Errors are `{\"error\": \"…\"}`. A GET answers 400, 401, 403, 404, 500 or 503; a POST also 408, 409,
  413 or 415.
";

/// The page.
fn page() -> String {
    let description = described().into_openapi();
    let document = serde_json::to_value(description).unwrap_or_default();
    let mut page = HEAD.to_owned();
    for tag in array(&document["tags"]) {
        let name = text(&tag["name"]);
        let title = name[..1].to_uppercase() + &name[1..];
        _ = write!(page, "\n## {title}\n\n{}.\n", text(&tag["description"]));
        for (path, methods) in object(&document["paths"]) {
            for (method, call) in object(methods) {
                if array(&call["tags"]).contains(&tag["name"]) {
                    write_call(&mut page, (&method.to_uppercase(), path), call);
                }
            }
        }
    }
    page.push_str(
        "\n## Shapes\n\nA field with `?` may be absent, one with `null` may be `null`.\n",
    );
    for (name, schema) in object(&document["components"]["schemas"]) {
        write_shape(&mut page, name, schema);
    }
    page
}

fn write_call(page: &mut String, (method, path): (&str, &str), call: &Value) {
    _ = write!(page, "\n### `{method} {path}`\n\n{}\n", prose(call));
    let parameters = array(&call["parameters"]);
    if !parameters.is_empty() {
        page.push_str("\n| Parameter | In | Type | Meaning |\n|---|---|---|---|\n");
        for one in parameters {
            let name = match one["required"] == true {
                true => format!("`{}`", text(&one["name"])),
                false => format!("`{}`?", text(&one["name"])),
            };
            let meaning = cell(&text(&one["description"]));
            let (place, kind) = (text(&one["in"]), kind(&one["schema"]));
            _ = writeln!(page, "| {name} | {place} | {kind} | {meaning} |");
        }
    }
    let body = &call["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        _ = write!(page, "\nBody: {}\n", kind(body));
    }
    let content = object(&call["responses"]["200"]["content"]);
    for (media, answer) in content {
        let media = match media.as_str() {
            "application/json" => String::new(),
            other => format!(" as `{other}`"),
        };
        _ = write!(page, "\nAnswer: {}{media}\n", kind(&answer["schema"]));
    }
}

fn write_shape(page: &mut String, name: &str, schema: &Value) {
    _ = write!(page, "\n### {name}\n\n");
    if let Some(said) = schema["description"].as_str() {
        _ = write!(page, "{}\n\n", wrapped(said));
    }
    let parts = match schema.get("allOf") {
        Some(parts) => array(parts),
        None => std::slice::from_ref(schema),
    };
    let with_fields = parts.iter().filter(|part| part["properties"].is_object());
    let with_fields: Vec<_> = with_fields.collect();
    for part in parts.iter().filter(|part| part["$ref"].is_string()) {
        _ = write!(page, "Everything of {}, and:\n\n", kind(part));
    }
    if with_fields.is_empty() && parts.len() == 1 {
        _ = writeln!(page, "{}", kind(schema));
        return;
    }
    page.push_str("| Field | Type | Meaning |\n|---|---|---|\n");
    for part in with_fields {
        let required = array(&part["required"]);
        for (field, of) in object(&part["properties"]) {
            let optional = match required.contains(&field.as_str().into()) {
                true => "",
                false => "?",
            };
            let meaning = cell(&text(&of["description"]));
            _ = writeln!(page, "| `{field}`{optional} | {} | {meaning} |", kind(of));
        }
    }
}

/// The type of a value, for people.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for (several, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(kinds) = schema.get(several) {
            let kinds: Vec<_> = array(kinds).iter().map(kind).collect();
            return kinds.join(word);
        }
    }
    if let Some(words) = schema.get("enum") {
        let words: Vec<_> = array(words)
            .iter()
            .map(|word| format!("`{word}`"))
            .collect();
        return words.join(", ");
    }
    let names: Vec<_> = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect(),
        name => vec![text(name)],
    };
    let kinds = names.iter().map(|name| simple(schema, name));
    kinds.collect::<Vec<_>>().join(" or ")
}

fn simple(schema: &Value, name: &str) -> String {
    match name {
        "array" if schema["items"].is_object() => format!("array of {}", kind(&schema["items"])),
        "array" => {
            let parts: Vec<_> = array(&schema["prefixItems"]).iter().map(kind).collect();
            format!("[{}]", parts.join(", "))
        }
        "object" if schema["properties"].is_object() => {
            let fields = object(&schema["properties"]).iter();
            let fields: Vec<_> = fields
                .map(|(name, of)| format!("`{name}`: {}", kind(of)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        "" => "any value".to_owned(),
        name => name.to_owned(),
    }
}

/// The summary and the description of a call.
fn prose(call: &Value) -> String {
    let said = [&call["summary"], &call["description"]].map(text);
    let said: Vec<_> = said.iter().filter(|text| !text.is_empty()).collect();
    let whole: Vec<_> = said.iter().map(|text| text.as_str()).collect();
    wrapped(&whole.join(" "))
}

/// A text in a table.
fn cell(said: &str) -> String {
    let whole: Vec<_> = said.split_whitespace().collect();
    whole.join(" ").replace('|', "\\|")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

#[test]
fn the_page_of_the_api_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let page = page();
    if std::env::var_os("PAGES").is_some() {
        std::fs::write(&file, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/api.md is out of date: run PAGES=write cargo nextest run -E 'test(api::page)'"
    );
}

#[test]
fn every_call_says_what_it_does_and_what_it_answers() {
    let document = serde_json::to_value(described().into_openapi()).expect("JSON");
    for (path, methods) in object(&document["paths"]) {
        for (method, call) in object(methods) {
            let name = format!("{method} {path}");
            assert!(!prose(call).is_empty(), "{name}");
            assert!(!array(&call["tags"]).is_empty(), "{name}");
            assert!(call["responses"]["200"].is_object(), "{name}");
            for one in array(&call["parameters"]) {
                assert!(!text(&one["description"]).is_empty(), "{name}: {one}");
            }
            let changes = method == "post";
            assert_eq!(call["requestBody"].is_object(), changes, "{name}");
            assert_eq!(call["responses"]["415"].is_object(), changes, "{name}");
        }
    }
}
