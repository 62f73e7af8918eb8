//! Parts that several pages have.

use maud::{Markup, html};
use serde_json::Value;
use tollgate_base::printable::printable;
use tollgate_base::quantity::about_size;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

use super::query::{Query, encoded};
use super::session::Session;

/// The field that every form has.
pub(super) fn form_token(session: &Session) -> Markup {
    html! { input type="hidden" name="form_token" value=(session.form_token); }
}

/// A text from outside: characters that steer a reader's eye, such as a reversal of the direction,
/// are replaced.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => printable(text).into_owned(),
        other => printable(&other.to_string()).into_owned(),
    }
}

/// A text of several lines from outside, such as a stack.
pub(super) fn lines(value: &Value) -> String {
    printable_lines(value.as_str().unwrap_or_default())
}

/// The text, in which each line is printable.
pub(super) fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n")
}

/// A number of milliseconds since the Unix epoch, as a time in UTC. The script adds how long ago.
pub(super) fn time(millis: &Value) -> Markup {
    let Some(millis) = millis.as_u64() else {
        return html! { "–" };
    };
    let shown = rfc3339::format(WallTime::from_millis(millis));
    html! { time datetime=(shown) data-ms=(millis) { (shown) } }
}

/// A number of bytes.
pub(super) fn size(bytes: &Value) -> String {
    bytes.as_u64().map_or_else(|| "–".to_owned(), about_size)
}

/// A state in its colour.
pub(super) fn state(name: &Value) -> Markup {
    let name = text(name);
    let class = match name.as_str() {
        "done" | "sent" | "closed" | "in force" => "good",
        "dead" | "open" | "expired" => "bad",
        "retrying" | "held" | "half-open" | "expires soon" | "retry" => "warn",
        _ => "plain",
    };
    html! { span class={ "state " (class) } { (name) } }
}

/// A link to an event.
pub(super) fn event_link(id: &Value) -> Markup {
    let id = text(id);
    html! { a.id href={ "/ui/events/" (encoded(&id)) } title=(id) { (short(&id)) } }
}

/// A link to a delivery.
pub(super) fn delivery_link(number: &Value) -> Markup {
    let number = text(number);
    html! { a.id href={ "/ui/deliveries/" (encoded(&number)) } { "#" (number) } }
}

/// A link to a handler.
pub(super) fn handler_link(name: &Value) -> Markup {
    let name = text(name);
    html! { a href={ "/ui/deliveries?handler=" (encoded(&name)) } { (name) } }
}

/// The last part of an id, which differs most.
pub(super) fn short(id: &str) -> String {
    let many = id.chars().count();
    match many > 14 {
        true => format!("…{}", id.chars().skip(many - 12).collect::<String>()),
        false => id.to_owned(),
    }
}

/// The items of a page of a list.
pub(super) fn items(listed: &Value) -> &[Value] {
    listed["items"].as_array().map_or(&[], Vec::as_slice)
}

/// The link to the next page of a list, which has the same filter.
pub(super) fn older(path: &str, query: &Query, listed: &Value) -> Markup {
    let next = listed["next"].as_str();
    html! {
        nav.pages aria-label="Pages" {
            @if query.get("after").is_some() {
                a href={ (path) (query.with("after", None).suffix()) } { "← Newest" }
            }
            @if let Some(next) = next {
                a rel="next" href={ (path) (query.with("after", Some(next)).suffix()) } { "Older →" }
            }
        }
    }
}

/// A field of a filter.
pub(super) fn field(query: &Query, name: &str, label: &str, hint: &str) -> Markup {
    html! {
        label {
            span { (label) }
            input name=(name) value=[query.get(name)] placeholder=(hint) autocomplete="off"
                spellcheck="false";
        }
    }
}

/// A choice of a filter.
pub(super) fn choice(query: &Query, name: &str, label: &str, values: &[&str]) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                option value="" { "any" }
                @for value in values {
                    option value=(value) selected[query.get(name) == Some(value)] { (value) }
                }
            }
        }
    }
}

/// A button that asks for a change. `fields` are sent with it. Who may not change anything sees no
/// button.
pub(super) fn button(
    session: &Session,
    verb: &str,
    label: &str,
    fields: &[(&str, &str)],
    back: &str,
) -> Markup {
    html! {
        @if session.may_change() {
            form.inline method="post" action={ "/ui/do/" (verb) } {
                (form_token(session))
                input type="hidden" name="back" value=(back);
                @for (name, value) in fields {
                    input type="hidden" name=(name) value=(value);
                }
                button { (label) }
            }
        }
    }
}

/// Bytes of an event, as the API shows them.
pub(super) fn payload(payload: &Value) -> Markup {
    let shown = match (&payload["text"], &payload["base64"]) {
        (Value::String(text), _) => pretty(text),
        (_, Value::String(base64)) => format!("base64: {base64}"),
        _ => return html! { p.hint { "The payload is no longer kept." } },
    };
    html! { pre tabindex="0" { (shown) } }
}

/// JSON with line breaks, any other text as it is. Numbers stay as they are written.
fn pretty(text: &str) -> String {
    let raw: Result<Box<serde_json::value::RawValue>, _> = serde_json::from_str(text);
    let shown = match raw {
        Ok(_) => indented(text),
        Err(_) => text.to_owned(),
    };
    printable_lines(&shown) + "\n"
}

/// JSON with line breaks. Changes nothing but the white space between its parts.
fn indented(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let (mut in_text, mut escaped, mut opened) = (false, false, false);
    let line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n("  ", depth.min(40)));
    };
    for letter in json.chars() {
        if in_text {
            shown.push(letter);
            in_text = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        if std::mem::take(&mut opened) && !matches!(letter, '}' | ']') {
            line(&mut shown, depth);
        }
        match letter {
            '{' | '[' => {
                depth += 1;
                opened = true;
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !shown.ends_with(['{', '[']) {
                    line(&mut shown, depth);
                }
            }
            '"' => in_text = true,
            _ => {}
        }
        shown.push(letter);
        match letter {
            ',' => line(&mut shown, depth),
            ':' => shown.push(' '),
            _ => {}
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_shown_in_lines_and_numbers_stay() {
        let shown = pretty(r#"{"a":[1,{"b":1.50,"c":{}}],"d":"x,\"{","e":9007199254740993}"#);
        let expected = "{\n  \"a\": [\n    1,\n    {\n      \"b\": 1.50,\n      \"c\": {}\n    }\n  ],\n  \
                        \"d\": \"x,\\\"{\",\n  \"e\": 9007199254740993\n}\n";
        assert_eq!(shown, expected);
        assert_eq!(pretty("no json\u{202e}"), "no json\u{fffd}\n");
    }
}
