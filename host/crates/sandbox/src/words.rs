//! What a guest said last: the message of a trap. A trap alone tells an instruction of the
//! machine, and not the language's own error.

use serde_json::Value;

use crate::outcome::End;

/// The most bytes of a guest's last words in the message of a trap.
const MAX_WORDS: usize = 300;

/// Names of fields of a log line that has an error with its place. Such a line says all.
const STACKS: [&str; 2] = ["stack", "traceback"];

/// The last words of a guest.
struct Words {
    text: String,
    /// Whether the text has the place in the handler's own source.
    placed: bool,
}

/// Puts what the guest said last before the message of a trap. The error of an SDK, which has its
/// place in the source, takes the place of the message.
pub(crate) fn with_last_words(end: End, logs: &str) -> End {
    let End::Trap(message) = end else {
        return end;
    };
    End::Trap(match last_words(logs) {
        Some(Words { text, placed: true }) => text,
        Some(Words { text, .. }) => format!("{text} ({message})"),
        None => message,
    })
}

/// The last line of the log, if it is an error; otherwise the error in the output to stderr.
fn last_words(logs: &str) -> Option<Words> {
    let lines = logs.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().ok()?;
    // The output of WASI comes behind all other lines.
    let own = lines.iter().rfind(|line| field(line, "stream").is_none());
    if let Some(line) = own.filter(|line| line["level"] == "error") {
        return Some(Words {
            text: cut(last_line(line["message"].as_str()?)?),
            placed: STACKS.iter().any(|name| field(line, name).is_some()),
        });
    }
    let stderr = lines
        .iter()
        .rfind(|line| field(line, "stream") == Some("stderr"))?;
    Some(Words {
        text: cut(&of_stderr(stderr["message"].as_str()?)?),
        placed: false,
    })
}

fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let mut fields = line["fields"].as_array()?.iter();
    fields.find(|field| field[0] == name)?[1].as_str()
}

/// The error in the output of a language's runtime.
fn of_stderr(text: &str) -> Option<String> {
    of_python(text)
        .or_else(|| of_quickjs(text))
        .or_else(|| of_go(text))
        .or_else(|| of_rust(text))
        .or_else(|| last_line(text).map(str::to_owned))
}

/// Python: the first line behind the frames of the last traceback.
fn of_python(text: &str) -> Option<String> {
    let (_, traceback) = text.rsplit_once("Traceback (most recent call last):\n")?;
    let line = traceback.lines().find(|line| !line.starts_with(' '))?;
    Some(line.to_owned()).filter(|line| !line.is_empty())
}

/// QuickJS in a component without the SDK: the message within the panic of its runtime.
fn of_quickjs(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Exception { message: Some(\"")?;
    let (message, _) = rest.split_once("\")")?;
    Some(message.split("\\n").next()?.to_owned())
}

/// Go: `panic: …`, before the stacks.
fn of_go(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("panic: ") || line.starts_with("fatal error: "));
    line.map(str::to_owned)
}

/// Rust: `thread … panicked at PLACE:`, and the message in the next line.
fn of_rust(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("panicked at ")?;
    let (place, message) = rest.split_once(":\n")?;
    Some(format!("panicked at {place}: {}", message.lines().next()?))
}

fn last_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().rev();
    lines.find(|line| !line.trim().is_empty() && !line.starts_with("note: "))
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_WORDS)]
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(logs: &str) -> String {
        match with_last_words(End::Trap("unreachable".to_owned()), logs) {
            End::Trap(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// A log whose last line is output to stderr.
    fn stderr(text: &str) -> String {
        let line = serde_json::json!({"level": "info", "message": text,
            "fields": [["stream", "stderr"]]});
        format!("{}\n{line}\n", r#"{"level":"info","message":"a"}"#)
    }

    #[test]
    fn a_trap_has_what_the_guest_said_last() {
        let error = r#"{"level":"info","message":"a"}
{"level":"error","message":"panicked at src/lib.rs:7: no stock"}"#;
        assert_eq!(
            trap(error),
            "panicked at src/lib.rs:7: no stock (unreachable)"
        );
        assert_eq!(trap(&stderr("one\nlast\n")), "last (unreachable)");
        let long = format!(r#"{{"level":"error","message":"{}"}}"#, "é".repeat(999));
        assert!(trap(&long).len() < 400);
        for other in ["", r#"{"level":"info","message":"fine"}"#, "no JSON"] {
            assert_eq!(trap(other), "unreachable");
        }
    }

    #[test]
    fn the_error_of_an_sdk_says_all() {
        let line = |field: &str| {
            format!(
                r#"{{"level":"error","message":"TypeError: no id, handler.ts:12","fields":[["{field}","at f"]]}}"#
            )
        };
        for field in STACKS {
            assert_eq!(trap(&line(field)), "TypeError: no id, handler.ts:12");
            // The runtime may say something of its own behind it.
            let later = format!(
                "{}\n{}",
                line(field),
                stderr("panicked").lines().last().unwrap()
            );
            assert_eq!(trap(&later), "TypeError: no id, handler.ts:12");
        }
        assert_eq!(
            trap(&line("order")),
            "TypeError: no id, handler.ts:12 (unreachable)"
        );
    }

    #[test]
    fn an_error_before_other_lines_is_not_the_last_word() {
        let logs = r#"{"level":"error","message":"early","fields":[["stack",""]]}
{"level":"info","message":"later"}"#;
        assert_eq!(trap(logs), "unreachable");
    }

    #[test]
    fn the_runtimes_of_languages_are_understood() {
        for (text, words) in [
            (
                "Traceback (most recent call last):\n  File \"/0/app.py\", line 5, in handle\n    \
                 a()\nValueError: no stock\n\nthread '<unnamed>' (1) panicked at \
                 runtime/src/lib.rs:9:1:\nPython function threw an unexpected exception\nnote: run \
                 with `RUST_BACKTRACE=1`\n",
                "ValueError: no stock",
            ),
            (
                "\nthread '<unnamed>' (1) panicked at crates/runtime/src/interpreter.rs:51:31:\n\
                 Failed to call 'handle': Value(Exception(\nException { message: Some(\"cannot \
                 read this\\nsecond\"), stack: Some(\"    at f (/a.js:1:2)\\n\") })\n)\nnote: run",
                "cannot read this",
            ),
            (
                "panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\nmain.f()\n",
                "panic: runtime error: index out of range [3]",
            ),
            (
                "\nthread 'main' (1) panicked at src/lib.rs:7:5:\nno stock\nnote: run with\n",
                "panicked at src/lib.rs:7:5: no stock",
            ),
            (
                "assertion failed: a.c:7\nnote: x\n",
                "assertion failed: a.c:7",
            ),
        ] {
            assert_eq!(trap(&stderr(text)), format!("{words} (unreachable)"));
        }
    }
}
