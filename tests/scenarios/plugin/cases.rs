//! Fixtures of one event each, written by a test into a project.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::TestProject;

/// An event for a handler, and what the handler must do with it.
pub(crate) struct Case {
    name: String,
    fixture: Value,
}

impl Case {
    /// An event of this type. The type is the name of the fixture, too.
    pub(crate) fn new(kind: &str, payload: Value, expect: Value) -> Self {
        Self {
            name: kind.to_owned(),
            fixture: json!({"event": {"kind": kind, "payload": payload}, "expect": expect}),
        }
    }

    /// The same event once more, under another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}

/// A step of a fixture, in JSON: an event about this subject that came at midnight in UTC, and the
/// members of what is expected.
pub(crate) fn step(subject: &str, expect: &str) -> String {
    format!(
        r#"{{"event":{{"kind":"a","subject":"{subject}","received_ms":1767225600000,"payload":1}},"expect":{{{expect}}}}}"#
    )
}

impl TestProject {
    /// Tests a handler that calls all of the interface and leaves two values in its state. Returns
    /// what the test shows.
    #[track_caller]
    pub(crate) fn calls_all(&self) -> String {
        self.write(
            "fixtures/told.json",
            r#"{"event":{"kind":"a","payload":1},"expect":{"outcome":"done",
                "state":{"a/1":"one","a/2":"two"}}}"#,
        );
        self.tests_well()
    }

    /// Adds a fixture of these steps. All fixtures must pass.
    #[track_caller]
    pub(crate) fn plays(&self, steps: &[String]) {
        let fixture = format!("{{\"steps\":[{}]}}", steps.join(","));
        self.write("fixtures/told.json", &fixture);
        let shown = self.plugin(&["test"]);
        assert_eq!(shown.code, 0, "{}\n{}", shown.stdout, shown.stderr);
    }

    /// Puts these fixtures in the place of the project's own.
    pub(crate) fn replace_fixtures(&self, cases: &[Case]) {
        fs::remove_dir_all(self.path("fixtures")).unwrap();
        fs::create_dir(self.path("fixtures")).unwrap();
        for case in cases {
            let text = serde_json::to_string_pretty(&case.fixture).unwrap();
            self.write(&format!("fixtures/{}.json", case.name), &text);
        }
    }

    /// Runs `plugin test --json`, and returns the log of each fixture by its name.
    #[track_caller]
    pub(crate) fn logs(&self) -> BTreeMap<String, String> {
        let tested = self.plugin(&["test", "--json"]);
        assert_eq!(tested.code, 0, "{tested:?}");
        let all: Value = serde_json::from_str(&tested.stdout).unwrap();
        let all = all.as_array().unwrap().iter();
        all.map(|one| {
            let file = one["fixture"].as_str().unwrap();
            let name = file.rsplit('/').next().unwrap().trim_end_matches(".json");
            (name.to_owned(), one["steps"][0]["logs"].to_string())
        })
        .collect()
    }
}
