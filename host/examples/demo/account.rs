//! The printed account of the demo, and the checks that make it reliable.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use serde_json::Value;

use crate::events::StripeEvent;
use crate::gateway::Answer;
use crate::ledger::{Attempt, Recorded};
use crate::receiver::Received;

/// Prints the account and remembers the failed checks.
#[derive(Default)]
pub(crate) struct Account {
    acts: u32,
    checks: u32,
    wrong: Vec<String>,
}

impl Account {
    /// Begins a part of the account.
    pub(crate) fn act(&mut self, title: &str) {
        self.acts += 1;
        println!("\n{}. {title}", self.acts);
    }

    /// Prints a remark.
    pub(crate) fn note(&self, text: impl Display) {
        println!("   {text}");
    }

    /// Prints an event that came in, and the gateway's response.
    pub(crate) fn came_in(&self, event: &StripeEvent, answer: &Answer, remark: &str) {
        let id = answer
            .event
            .as_deref()
            .map(|id| format!("  as {}", short(id)));
        println!(
            "   in   {:<30} {:<20} {}{}  {remark}",
            event.kind,
            event.id,
            answer.status,
            id.unwrap_or_default(),
        );
    }

    /// Prints the runs of an event's handlers, and the requests that reached the shop.
    pub(crate) fn handled(&self, recorded: &Recorded, shop: &BTreeMap<String, Received>) {
        for attempt in &recorded.attempts {
            println!("{}", ran(attempt));
            for line in attempt.logs.lines() {
                println!("          log  {}", log_line(line));
            }
        }
        for kind in &recorded.emitted {
            println!("   emit {kind}");
        }
        for request in &recorded.requests {
            match shop.get(&request.key) {
                Some(received) => println!("{}", went_out(&request.key, received)),
                None => println!("   out  key {}  {}", short(&request.key), request.state),
            }
        }
    }

    /// Checks that a value is as it should be.
    pub(crate) fn expect<T: PartialEq + Debug>(&mut self, what: &str, is: T, should: T) {
        self.checks += 1;
        if is != should {
            let wrong = format!("{what}: is {is:?}, should be {should:?}");
            println!("   WRONG {wrong}");
            self.wrong.push(wrong);
        }
    }

    /// Prints the last lines. Returns true if all checks hold.
    pub(crate) fn close(&self) -> bool {
        if self.wrong.is_empty() {
            println!("\nAll {} checks of this account hold.", self.checks);
            return true;
        }
        println!(
            "\n{} of {} checks do NOT hold:",
            self.wrong.len(),
            self.checks
        );
        self.wrong.iter().for_each(|wrong| println!("   {wrong}"));
        false
    }
}

fn ran(attempt: &Attempt) -> String {
    let detail = match attempt.detail.as_str() {
        "" => String::new(),
        text => format!("  ({text})"),
    };
    format!(
        "   run  {:<12} attempt {}  {:<7} {:>6.1} ms{detail}",
        attempt.handler,
        attempt.number,
        attempt.outcome,
        attempt.micros as f64 / 1000.0,
    )
}

fn log_line(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let mut text = value["message"].as_str().unwrap_or(line).to_owned();
    for field in value["fields"].as_array().into_iter().flatten() {
        let [name, value] = [0, 1].map(|n| field[n].as_str().unwrap_or_default());
        text.push_str(&format!("  {name}={value}"));
    }
    text
}

fn went_out(key: &str, received: &Received) -> String {
    let tries = match received.tries {
        1 => String::new(),
        tries => format!("  (tried {tries} times, always under this key)"),
    };
    format!(
        "   out  POST {:<11} key {}  {}{tries}",
        received.path,
        short(key),
        brief(&received.body),
    )
}

/// Returns a body in short form, without null values.
fn brief(body: &Value) -> String {
    let Some(fields) = body.as_object() else {
        return body.to_string();
    };
    let told = fields.iter().filter(|(_, value)| !value.is_null());
    let parts: Vec<_> = told
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        })
        .collect();
    parts.join(" ")
}

/// Returns the end of an id, which differs between ids. The beginning is the time.
fn short(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id)
}
