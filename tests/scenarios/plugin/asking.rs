//! Handlers that ask while they run, in the languages whose SDKs have that.

use std::fs;

use serde_json::{Value, json};

use super::TestProject;

const URL: &str = "https://crm.example.com/score?order=1";

const JAVASCRIPT: &str = r#"
import { done, handler, log, Reject, state } from "tollgate-handler";
export default handler(async () => {
  const answer = await fetch(new URL("https://crm.example.com/score?order=1"), {
    method: "post",
    body: new URLSearchParams({ a: "b c" }),
    headers: { "x-own": "1" },
    timeout: "500ms",
  });
  if (!answer.ok) throw new Reject(`answered ${answer.status}`);
  const { score } = await answer.json();
  state.set("score", score);
  log.info("told", { type: answer.headers.get("Content-Type") });
  return done();
});
"#;

const PYTHON: &str = r#"
from tollgate_handler import Reject, done, handler, http, log, state

@handler
def handle(event):
    url = "https://crm.example.com/score?order=1"
    answer = http.post(url, form={"a": "b c"}, headers={"x-own": "1"}, timeout="500ms")
    if not answer.is_success:
        raise Reject(f"answered {answer.status}")
    state.set("score", answer.json()["score"])
    log.info("told", type=answer.header("Content-Type"))
    return done()
"#;

const GO: &str = r#"package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"tollgate/handler"
	_ "tollgate/handler/web"
)

func init() { handler.Register(handle) }
func main() {}

func handle(event handler.Event) (handler.Outcome, error) {
	url := "https://crm.example.com/score?order=1"
	wait, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(wait, "POST", url, strings.NewReader("a=b+c"))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Own", "1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		var none *handler.NoReply
		if !errors.As(err, &none) || !none.Temporary() {
			return nil, handler.Reject("no reason that may pass")
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, handler.Reject("answered %d", answer.StatusCode)
	}
	var told struct{ Score json.Number }
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		return nil, err
	}
	if err := handler.State.Set("score", []byte(told.Score.String())); err != nil {
		return nil, err
	}
	handler.Info("told", "type", answer.Header.Get("Content-Type"))
	return handler.Done()
}
"#;

/// A project whose handler asks, with these fixtures alone.
fn project(language: &str, file: &str, handler: &str) -> TestProject {
    let project = TestProject::mistaken(language, file, handler);
    for fixture in fs::read_dir(project.path("fixtures")).unwrap() {
        fs::remove_file(fixture.unwrap().path()).unwrap();
    }
    let answers = [
        (
            json!({ "headers": { "Content-Type": "application/json" },
                    "body": { "score": 9_007_199_254_740_993_u64 } }),
            json!({ "outcome": "done", "logs": ["told"],
                    "state": { "score": 9_007_199_254_740_993_u64 } }),
        ),
        (
            json!({ "status": 404 }),
            json!({ "outcome": "reject", "reason": "answered 404" }),
        ),
        (
            Value::Null,
            json!({ "outcome": "retry", "reason": "refuse the connection" }),
        ),
    ];
    for (number, (answer, expect)) in answers.into_iter().enumerate() {
        let fixture = json!({
            "event": { "kind": "order.paid", "payload": {} },
            "http": [{ "method": "POST", "url": URL, "body": "a=b+c", "answer": answer }],
            "expect": expect,
        });
        project.write(&format!("fixtures/{number}.json"), &fixture.to_string());
    }
    project
}

/// Builds without a grant, which fails, and with one.
#[track_caller]
fn asks(language: &str, file: &str, handler: &str) {
    let project = project(language, file, handler);
    project.give_time();
    let said = project.build_fails();
    assert!(said.contains("asks while it runs"), "{said}");
    assert!(
        said.contains("in plugin.toml, write `[[handler.allow]]`"),
        "{said}"
    );
    let toml = fs::read_to_string(project.path("plugin.toml")).unwrap();
    let grant = "\n[[handler.allow]]\norigin = \"https://crm.example.com\"\nimmediate = true\n";
    project.write("plugin.toml", &(toml + grant));
    let shown = project.tests_well();
    assert!(
        shown.contains(&format!("asked      POST {URL} -> 200")),
        "{shown}"
    );
}

#[test]
fn javascript_has_fetch() {
    asks("javascript", "src/handler.js", JAVASCRIPT);
}

#[test]
fn python_has_a_module_http() {
    asks("python", "handler.py", PYTHON);
}

#[test]
fn go_has_net_http() {
    if super::has("go", "handlers in Go") {
        asks("go", "handler.go", GO);
    }
}
