//! What forms ask for: each verb is a call of the admin API, and its result is told on the page
//! that the form came from.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, http::HeaderMap};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::api::Api;
use super::query::encoded;
use super::refused::Refused;
use super::session::{ROOT, Session};
use super::shared::Dashboard;
use crate::api::STEP;
use crate::server::{Operator, is_of_another_site};

/// The most calls that one form makes: a bulk change goes on by cursors. Beyond it the command line
/// is the better tool.
const CALLS: usize = 200;

/// What a form may ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Replay { dry_run: bool },
    ReplayFilter { dry_run: bool },
    Route,
    Retry,
    Cancel,
    RetryRequest,
    CancelRequest,
    Pause,
    Resume,
    RollBack,
    Readmit,
    Reload,
}

impl Verb {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "replay" => Self::Replay { dry_run: false },
            "check-replay" => Self::Replay { dry_run: true },
            "replay-filter" => Self::ReplayFilter { dry_run: false },
            "count-filter" => Self::ReplayFilter { dry_run: true },
            "route" => Self::Route,
            "retry" => Self::Retry,
            "cancel" => Self::Cancel,
            "retry-request" => Self::RetryRequest,
            "cancel-request" => Self::CancelRequest,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "rollback" => Self::RollBack,
            "readmit" => Self::Readmit,
            "reload" => Self::Reload,
            _ => return None,
        })
    }
}

/// Carries out a form, and goes back to its page.
pub(super) async fn carry_out(
    State(dashboard): State<Dashboard>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let fields = Fields(fields);
    if !session.sent(fields.get("form_token")) || is_of_another_site(&headers) {
        return (StatusCode::FORBIDDEN, "the form is not of this session\n").into_response();
    }
    let Some(verb) = Verb::named(&name) else {
        return (StatusCode::NOT_FOUND, "there is no such form\n").into_response();
    };
    let back = back_to(fields.get("back"));
    if !session.may_change() {
        let text = "a token of the role `read` changes nothing";
        dashboard.sessions.say(&session, false, text);
        return Redirect::to(&back).into_response();
    }
    let call = Call {
        api: &dashboard.api,
        operator: &session.operator,
        fields: &fields,
    };
    match call.carry_out(verb).await {
        Ok(text) => dashboard.sessions.say(&session, true, &text),
        Err(refused) => {
            let text = format!("Not done: {}", refused.message);
            dashboard.sessions.say(&session, false, &text);
        }
    }
    Redirect::to(&back).into_response()
}

/// A page of the dashboard, and nothing else.
fn back_to(address: &str) -> String {
    let is_page = address == "/ui" || address.starts_with("/ui/") || address.starts_with("/ui?");
    let is_plain = address
        .bytes()
        .all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    match is_page && is_plain {
        true => address.to_owned(),
        false => ROOT.to_owned(),
    }
}

/// The fields of a form.
struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field; empty if the form has none.
    fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        let found = fields.find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// The fields that are a filter.
    fn filter(&self) -> Map<String, Value> {
        let own = ["form_token", "back"];
        let fields = self
            .0
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()));
        fields
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect()
    }

    /// The numbers in a field, with commas between them.
    fn numbers(&self, name: &str) -> Vec<i64> {
        self.get(name)
            .split(',')
            .filter_map(|number| number.trim().parse().ok())
            .collect()
    }
}

/// A form that is carried out.
struct Call<'a> {
    api: &'a Api,
    operator: &'a Operator,
    fields: &'a Fields,
}

impl Call<'_> {
    async fn carry_out(&self, verb: Verb) -> Result<String, Refused> {
        let why = json!({ "why": "in the dashboard" });
        let delivery = || encoded(self.fields.get("delivery"));
        match verb {
            Verb::Replay { dry_run } => self.replay_named(dry_run).await,
            Verb::ReplayFilter { dry_run } => {
                let filter = self.fields.filter();
                self.replay(json!({ "filter": filter }), dry_run).await
            }
            Verb::Route => {
                let event = self.fields.get("event");
                self.replay(json!({ "events": [event], "onto": "routes" }), false)
                    .await
            }
            Verb::Retry => {
                self.post(&format!("/api/deliveries/{}/retry", delivery()), &why)
                    .await?;
                Ok("The delivery is due now.".to_owned())
            }
            Verb::Cancel => {
                self.post(&format!("/api/deliveries/{}/cancel", delivery()), &why)
                    .await?;
                Ok("The delivery was given up.".to_owned())
            }
            Verb::RetryRequest => {
                self.change_request("retry", "The request is due now.")
                    .await
            }
            Verb::CancelRequest => {
                self.change_request("cancel", "The request was given up.")
                    .await
            }
            Verb::Pause => {
                self.post(&self.of_handler("pause"), &why).await?;
                Ok(format!(
                    "{} is paused: its deliveries wait.",
                    self.fields.get("handler")
                ))
            }
            Verb::Resume => {
                self.post(&self.of_handler("resume"), &why).await?;
                Ok(format!("{} runs again.", self.fields.get("handler")))
            }
            Verb::RollBack => {
                let report = self.post(&self.of_handler("rollback"), &why).await?;
                let told = report["told"].as_str().unwrap_or_default();
                Ok(format!("{}: {told}.", self.fields.get("handler")))
            }
            Verb::Readmit => {
                let report = self.post(&self.of_handler("readmit"), &why).await?;
                let how = match report["on_trial"] == true {
                    true => "on trial",
                    false => "trusted",
                };
                let handler = self.fields.get("handler");
                Ok(format!(
                    "The component in the file of {handler} runs, {how}."
                ))
            }
            Verb::Reload => self.reload(&why).await,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.api.post(self.operator, path, body).await
    }

    fn of_handler(&self, verb: &str) -> String {
        format!(
            "/api/handlers/{}/{verb}",
            encoded(self.fields.get("handler"))
        )
    }

    /// Replays the deliveries that the form names, as many at a time as the API takes.
    async fn replay_named(&self, dry_run: bool) -> Result<String, Refused> {
        let mut numbers = self.fields.numbers("deliveries");
        numbers.extend(self.fields.numbers("delivery"));
        let mut counts = Counts::default();
        for some in numbers.chunks(STEP) {
            let request = json!({
                "deliveries": some, "dry_run": dry_run, "why": "in the dashboard",
            });
            counts.add(&self.post("/api/replay", &request).await?);
        }
        Ok(counts.text(dry_run))
    }

    /// Replays step by step, and says how many there were of what.
    async fn replay(&self, mut request: Value, dry_run: bool) -> Result<String, Refused> {
        request["dry_run"] = dry_run.into();
        request["why"] = "in the dashboard".into();
        if !dry_run && request.get("filter").is_some() {
            request["batch"] = batch().into();
        }
        let mut counts = Counts::default();
        for _ in 0..CALLS {
            let report = self.post("/api/replay", &request).await?;
            counts.add(&report);
            if report["next"].is_null() {
                return Ok(counts.text(dry_run));
            }
            request["after"] = report["next"].clone();
            request["until"] = report["until"].clone();
        }
        Ok(format!(
            "{} There are more: carry it out again.",
            counts.text(dry_run)
        ))
    }

    async fn change_request(&self, verb: &str, done: &str) -> Result<String, Refused> {
        let numbers = self.fields.numbers("request");
        let body = json!({ "numbers": numbers, "why": "in the dashboard" });
        let report = self.post(&format!("/api/outbox/{verb}"), &body).await?;
        let mut counts = Counts::default();
        counts.add(&report);
        match counts.refused.is_empty() {
            true => Ok(done.to_owned()),
            false => Err(Refused::new(StatusCode::CONFLICT, counts.refusals())),
        }
    }

    async fn reload(&self, why: &Value) -> Result<String, Refused> {
        let report = self.post("/api/reload", why).await?;
        let generation = &report["generation"];
        if report["done"] == false {
            return Ok("The reload goes on: a component is being compiled.".to_owned());
        }
        match generation["error"].as_str() {
            Some(error) => Err(Refused::new(StatusCode::CONFLICT, error)),
            None => Ok(format!("Generation {} serves.", generation["number"])),
        }
    }
}

/// A name that all calls of one replay share.
fn batch() -> String {
    format!("dashboard-{:016x}", fastrand::u64(..))
}

/// What a change of many came to.
#[derive(Default)]
struct Counts {
    by: std::collections::BTreeMap<String, u64>,
    refused: std::collections::BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, report: &Value) {
        for (into, name) in [(&mut self.by, "by"), (&mut self.refused, "refused")] {
            for (what, many) in report[name].as_object().into_iter().flatten() {
                *into.entry(what.clone()).or_default() += many.as_u64().unwrap_or(0);
            }
        }
    }

    fn text(&self, dry_run: bool) -> String {
        let many: u64 = self.by.values().sum();
        let verb = match (dry_run, many) {
            (true, _) => "would run again",
            (false, 1) => "runs again",
            (false, _) => "run again",
        };
        let mut text = format!("{many} {verb}");
        let parts: Vec<_> = self
            .by
            .iter()
            .map(|(what, many)| format!("{many} {what}"))
            .collect();
        if !parts.is_empty() {
            text.push_str(&format!(" ({})", parts.join(", ")));
        }
        if !self.refused.is_empty() {
            text.push_str(&format!("; not: {}", self.refusals()));
        }
        text.push('.');
        text
    }

    fn refusals(&self) -> String {
        let parts = self
            .refused
            .iter()
            .map(|(why, many)| format!("{many}, as {why}"));
        parts.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_a_page_of_the_dashboard_alone() {
        assert_eq!(back_to("/ui/dead?after=1%202"), "/ui/dead?after=1%202");
        assert_eq!(back_to("/ui"), "/ui");
        for other in [
            "",
            "/uix",
            "//evil.example",
            "https://evil.example/ui",
            "/ui/\\evil",
            "/ui/\r\nx",
        ] {
            assert_eq!(back_to(other), "/ui", "{other:?}");
        }
    }

    #[test]
    fn what_a_replay_came_to_is_told() {
        let mut counts = Counts::default();
        counts.add(&json!({ "by": { "a dead": 2 }, "refused": { "it is running": 1 } }));
        counts.add(&json!({ "by": { "a dead": 1 }, "refused": {} }));
        let expected = "3 would run again (3 a dead); not: 1, as it is running.";
        assert_eq!(counts.text(true), expected);
    }
}
