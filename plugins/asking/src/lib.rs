//! A handler that makes the immediate requests that its events name. The gateway's own tests use it
//! as a guest.
//!
//! The payload is JSON, possibly an event of Stripe with the program in `/data/object`:
//!
//! ```json
//! {"asks": [{"url": "https://crm.example.com/score", "method": "POST", "body": "…"}],
//!  "count": "key of state", "end": "retry"}
//! ```
//!
//! The number below `count` is read first, and set one higher in the end. Each answer is logged as
//! `answer` with the fields `status`, `body` and `location`; a request without an answer as `no
//! answer` with `error`. The run ends as `end` says: `done` (if absent), `retry` (before the third
//! attempt), `reject`, `loop`.

use serde_json::Value;
use tollgate_handler::http;
use tollgate_handler::prelude::*;

tollgate_handler::handler!(handle);

#[derive(Deserialize)]
struct Program {
    asks: Vec<Ask>,
    count: Option<String>,
    #[serde(default)]
    end: String,
}

#[derive(Deserialize)]
struct Ask {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let payload: Value = event.json()?;
    let program = payload.pointer("/data/object").unwrap_or(&payload);
    let program: Program = serde_json::from_value(program.clone())
        .map_err(|error| reject(format!("no program: {error}")))?;
    let count: u64 = match &program.count {
        Some(key) => state::get(key)?.unwrap_or(0),
        None => 0,
    };
    for ask in program.asks {
        tell(ask);
    }
    if let Some(key) = program.count {
        state::set(&key, &(count + 1))?;
    }
    match program.end.as_str() {
        "retry" if event.attempt < 3 => Err(retry("asked to")),
        "reject" => Err(reject("asked to")),
        "loop" => loop {
            std::hint::spin_loop();
        },
        _ => done(),
    }
}

fn tell(ask: Ask) {
    let mut request = http::request(ask.method, ask.url).body(ask.body);
    for (name, value) in ask.headers {
        request = request.header(name, value);
    }
    if let Some(millis) = ask.timeout_ms {
        request = request.timeout(std::time::Duration::from_millis(millis));
    }
    match request.send() {
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            let location = answer.header("location").unwrap_or_default();
            log::info!(
                "answer",
                status = answer.status,
                body = body,
                location = location
            );
        }
        Err(error) => log::info!("no answer", error = error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_handler::testing::{self, Host};

    #[test]
    fn an_answer_is_prepared_and_another_request_is_denied() {
        let mut host = Host::new();
        let url = "https://crm.example.com/score";
        let answer = http::Answer {
            status: 200,
            headers: vec![("Location".to_owned(), "there".to_owned())],
            body: b"7".to_vec(),
        };
        host.answer("GET", url, answer);
        // The query may hold credentials, and the text of an error is recorded.
        let keyed = format!("{url}?key=s3cret");
        let asks = json!({ "asks": [{ "url": url }, { "url": keyed }] });

        let run = host.run(handle, testing::event("test.ask", &asks));

        assert_eq!(run.result, Ok(Outcome::Done));
        let messages: Vec<_> = run.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(messages, ["answer", "no answer"]);
        assert!(
            run.logs[0]
                .fields
                .contains(&("location".to_owned(), "there".to_owned()))
        );
        let (_, error) = &run.logs[1].fields[0];
        assert!(
            error.starts_with("request to https://crm.example.com/score?…: "),
            "{error}"
        );
    }
}
