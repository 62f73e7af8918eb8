//! What is asked about an event, and why something is not.

use super::notification::{Context, Notification};
use super::path;
use crate::settings::{Mode, Resolve};

/// One question to the provider's API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// The object that the event is about.
    Object,
    /// The event itself, with all of its fields.
    Event,
}

/// A request for the answer to one question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// What it asks for.
    pub(crate) about: About,
    /// The path with its query.
    pub(crate) path: String,
    /// The id of the event that is the reason.
    pub(crate) event: String,
    /// The id of the thing that is asked for, if it is known. The answer must have the same.
    pub(crate) id: Option<String>,
    /// The account that is meant, if it is not the key's own.
    pub(crate) context: Option<String>,
}

/// What is to be asked about an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Plan {
    /// The questions.
    pub(crate) questions: Vec<Question>,
    /// Why something is not asked for; empty if there is nothing to say.
    pub(crate) note: String,
    /// Whether something is not asked for because of what the event says. The note is then put on
    /// record.
    pub(crate) refused: bool,
    /// What an operator has to mend before anything is asked.
    pub(crate) to_mend: Option<String>,
}

/// Whether an event of a source with these settings waits for answers, or for the note that nothing
/// is asked.
pub(crate) fn is_asked(resolve: &Resolve, payload: &[u8]) -> bool {
    Notification::read(payload).is_some_and(|event| {
        let plan = Plan::of(resolve, &event);
        !plan.questions.is_empty() || plan.refused || plan.to_mend.is_some()
    })
}

impl Plan {
    /// What is asked about the event in this payload. Without settings, nothing is.
    pub(crate) fn for_payload(resolve: Option<&Resolve>, payload: &[u8]) -> Self {
        let note = |note: &str| Self {
            note: note.to_owned(),
            ..Self::default()
        };
        match (resolve, Notification::read(payload)) {
            (None, _) => note("the source does not resolve events"),
            (_, None) => note("the event is not a thin event"),
            (Some(resolve), Some(event)) => Self::of(resolve, &event),
        }
    }

    /// What is asked about this event.
    fn of(resolve: &Resolve, event: &Notification) -> Self {
        let mut plan = Self::default();
        let id = event.id.as_deref().filter(|id| is_plain(id));
        let context = match &event.context {
            Context::Own => Ok(None),
            Context::Of(context) if is_plain(context) => Ok(Some(context.clone())),
            Context::Of(_) | Context::Unreadable => Err(()),
        };
        let (Some(id), Ok(context)) = (id, context) else {
            plan.note =
                "nothing is asked: `id` or `context` of the event cannot be read".to_owned();
            plan.refused = true;
            return plan;
        };
        let question = |about, path: &str, of: Option<&str>| Question {
            about,
            id: of.map(str::to_owned),
            path: path.to_owned(),
            event: id.to_owned(),
            context: context.clone(),
        };
        if resolve.object {
            match event.object_url.as_deref().map(path::check) {
                Some(Ok(path)) => {
                    let of = event.object_id.as_deref();
                    plan.questions.push(question(About::Object, path, of));
                }
                Some(Err(why)) => {
                    plan.note = format!("the object is not asked for: `related_object.url` {why}");
                    plan.refused = true;
                }
                None => "the event is about no object".clone_into(&mut plan.note),
            }
        }
        if resolve.event {
            let path = format!("/v2/core/events/{}", escape(id));
            plan.questions.push(question(About::Event, &path, Some(id)));
        }
        if !plan.questions.is_empty() {
            plan.to_mend = other_mode(resolve, event.livemode);
        }
        plan
    }
}

/// What is wrong if the key is of another mode than the event: the API would say that the object is
/// not there.
fn other_mode(resolve: &Resolve, livemode: Option<bool>) -> Option<String> {
    let event = match livemode? {
        true => Mode::Live,
        false => Mode::Test,
    };
    let key = resolve.mode()?;
    (key != event).then(|| {
        let (key, event) = (key.name(), event.name());
        format!("`key` is of the {key} mode, and the event is of the {event} mode")
    })
}

/// Whether a text can stand in a header as it is.
fn is_plain(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A text as one segment of a path.
fn escape(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::tests::resolve;

    fn plan(object: bool, event: bool, json: &str) -> Plan {
        let resolve = Resolve {
            object,
            event,
            ..resolve("sk_test_1")
        };
        let plan = Plan::for_payload(Some(&resolve), json.as_bytes());
        let waits = !plan.questions.is_empty() || plan.refused;
        assert_eq!(is_asked(&resolve, json.as_bytes()), waits);
        plan
    }

    fn paths(plan: &Plan) -> Vec<&str> {
        plan.questions.iter().map(|q| q.path.as_str()).collect()
    }

    const WHOLE: &str = r#"{"object":"v2.core.event","id":"evt_1","livemode":false,
        "context":"acct_1","related_object":{"url":"/v1/customers/cus_1"}}"#;

    #[test]
    fn the_settings_say_what_is_asked() {
        let both = plan(true, true, WHOLE);
        assert_eq!(
            paths(&both),
            ["/v1/customers/cus_1", "/v2/core/events/evt_1"]
        );
        assert_eq!(both.questions[0].context.as_deref(), Some("acct_1"));
        assert_eq!(both.questions[0].event, "evt_1");
        assert_eq!(paths(&plan(true, false, WHOLE)), ["/v1/customers/cus_1"]);
        assert_eq!(paths(&plan(false, true, WHOLE)), ["/v2/core/events/evt_1"]);
        let none = r#"{"object":"v2.core.event","id":"evt_1","related_object":null}"#;
        assert!(paths(&plan(true, false, none)).is_empty());
        assert_eq!(plan(true, false, none).note, "the event is about no object");
        assert_eq!(paths(&plan(true, true, none)), ["/v2/core/events/evt_1"]);
        assert!(paths(&plan(true, true, r#"{"object":"event","id":"evt_1"}"#)).is_empty());
    }

    #[test]
    fn what_could_be_about_something_else_is_not_asked() {
        let at = |id: &str, context: &str, url: &str| {
            let event = serde_json::json!({
                "object": "v2.core.event", "id": id, "context": context,
                "related_object": {"url": url},
            });
            plan(true, true, &event.to_string())
        };
        let bad = at("evt_1", "acct_1", "//evil.example/v1/x");
        assert_eq!(paths(&bad), ["/v2/core/events/evt_1"]);
        assert!(bad.note.contains("related_object.url"), "{}", bad.note);
        assert!(bad.refused);
        let odd = at("evt/../1", "acct_1", "/v1/x");
        assert_eq!(paths(&odd)[1], "/v2/core/events/evt%2F%2E%2E%2F1");
        for (id, context) in [
            ("evt 1", "acct_1"),
            ("evt_1", "acct\r\n1"),
            ("evt\u{e9}", "a"),
        ] {
            assert!(
                paths(&at(id, context, "/v1/x")).is_empty(),
                "{id} {context}"
            );
        }
    }

    #[test]
    fn a_key_of_the_other_mode_asks_nothing() {
        let live = WHOLE.replace("false", "true");
        let plan = |key, json: &str| Plan::for_payload(Some(&resolve(key)), json.as_bytes());
        assert!(plan("rk_test_1", &live).to_mend.is_some());
        assert!(plan("sk_live_1", WHOLE).to_mend.is_some());
        for (key, json) in [
            ("sk_live_1", &live[..]),
            ("sk_test_1", WHOLE),
            ("other", WHOLE),
        ] {
            assert_eq!(plan(key, json).to_mend, None);
        }
    }
}
