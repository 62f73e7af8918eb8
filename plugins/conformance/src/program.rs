//! What a payload may ask for.

use serde_json::Value;
use tollgate_handler::prelude::*;

/// What one event asks for.
pub(crate) struct Program {
    pub(crate) steps: Vec<Item>,
}

/// A step, and whether the run may go on where the gateway refuses it.
#[derive(Deserialize)]
pub(crate) struct Item {
    #[serde(flatten)]
    pub(crate) step: Step,
    #[serde(default)]
    pub(crate) must: bool,
}

/// One thing to do. Named in JSON by `do`, in snake case: `{"do": "huge_log", "bytes": 9}`.
#[derive(Deserialize, Debug)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Step {
    /// Ends the run: done.
    Done,
    /// Ends the run: ignored, with this reason.
    Ignored {
        /// The reason.
        #[serde(default)]
        reason: String,
    },
    /// Ends the run: to be tried again.
    Retry {
        /// The reason.
        #[serde(default)]
        reason: String,
        /// Not before so many milliseconds from now.
        after_ms: Option<u64>,
    },
    /// Ends the run, to be tried again, unless this is at least the `succeed_at`th attempt.
    Flaky {
        /// The first attempt that succeeds, counted from 1.
        succeed_at: u32,
        /// Not before so many milliseconds from now.
        after_ms: Option<u64>,
    },
    /// Traps, unless this is at least the `succeed_at`th attempt.
    TrapUntil {
        /// The first attempt that succeeds, counted from 1.
        succeed_at: u32,
    },
    /// Ends the run: rejected, with this reason.
    Reject {
        /// The reason.
        #[serde(default)]
        reason: String,
        /// Goes on where it is a replay.
        #[serde(default)]
        unless_replay: bool,
    },
    /// Panics with this message: a trap, after the message was logged as an error.
    Panic {
        /// The message.
        #[serde(default)]
        message: String,
    },
    /// Executes `unreachable`: a trap without any message.
    Trap,
    /// Loops for ever.
    Loop,
    /// Spins for so many million rounds of cheap arithmetic.
    Spin {
        /// Rounds, in millions.
        millions: u64,
    },
    /// Allocates and touches memory, 1 MiB at a time, until it is refused: a trap.
    /// With `bytes`: just so much, and logs `allocate` with `bytes`.
    Allocate {
        /// How much; none: until refused.
        bytes: Option<usize>,
    },
    /// Recurses until the stack ends: a trap. With `depth`: just so deep.
    Recurse {
        /// How deep; none: for ever.
        depth: Option<u64>,
    },
    /// Logs one line of so many bytes.
    HugeLog {
        /// Its length.
        bytes: usize,
    },
    /// Logs so many lines.
    ManyLogs {
        /// How many.
        count: u64,
    },
    /// Calls the gateway (`config.get`) so many times.
    ManyCalls {
        /// How many.
        count: u64,
    },
    /// Writes to stdout and stderr, where the target has them.
    Print {
        /// What to print; two lines `out: TEXT` and `err: TEXT`.
        text: String,
    },
    /// Logs a line with fields.
    Log {
        /// `trace`, `debug`, `info`, `warn` or `error`.
        #[serde(default)]
        level: String,
        /// The message.
        message: String,
        /// The fields.
        #[serde(default)]
        fields: Vec<(String, String)>,
    },
    /// Logs `echo` with the field `event`: all of the event as a JSON object, its payload as
    /// text where it is UTF-8, else as an array of bytes.
    Echo,
    /// Logs `config` with every entry of the handler's config as a field.
    Config,
    /// Logs `get` with `key` and, where present, `value`.
    Get {
        /// The key.
        key: Text,
    },
    /// Sets a key.
    Set {
        /// The key.
        key: Text,
        /// The value.
        value: Text,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: Text,
    },
    /// Logs `list` with the entries as fields.
    List {
        /// The prefix.
        #[serde(default)]
        prefix: String,
        /// Keys after this one alone.
        after: Option<String>,
        /// At most so many.
        #[serde(default = "some")]
        limit: u32,
    },
    /// Adds to a counter without reading it.
    Add {
        /// The key.
        key: Text,
        /// How much.
        #[serde(default = "one")]
        delta: i64,
    },
    /// Adds to a counter by reading and setting it, so that concurrent deliveries conflict.
    Increment {
        /// The key.
        key: Text,
        /// How much.
        #[serde(default = "one")]
        delta: i64,
    },
    /// Sets a key to so many bytes (`x`).
    HugeState {
        /// The key.
        key: Text,
        /// The length of the value.
        bytes: usize,
    },
    /// Queues a request; logs `send` with its idempotency `key`.
    Send {
        /// The method.
        #[serde(default = "post")]
        method: String,
        /// The absolute URL.
        url: String,
        /// Headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// Its ordering key.
        order_key: Option<String>,
        /// Steps to run when its answer comes, of which these are the text that it is recognised by.
        respond: Option<Value>,
        /// The body: text as it is, any other JSON as JSON.
        #[serde(default)]
        body: Value,
        /// How many requests like this one.
        #[serde(default = "once")]
        times: u64,
    },
    /// Emits an event; logs `emit` with its `id`.
    Emit {
        /// Its type.
        kind: String,
        /// Its subject.
        subject: Option<String>,
        /// Its payload: text as it is, any other JSON as JSON.
        #[serde(default)]
        payload: Value,
        /// How many events like this one.
        #[serde(default = "once")]
        times: u64,
    },
    /// Schedules an event.
    Schedule {
        /// Its key.
        key: Text,
        /// So many milliseconds from now.
        #[serde(default)]
        after_ms: u64,
        /// At this time instead, in milliseconds since the Unix epoch.
        at_ms: Option<u64>,
        /// Its type.
        kind: String,
        /// Its subject.
        subject: Option<String>,
        /// Its payload: text as it is, any other JSON as JSON.
        #[serde(default)]
        payload: Value,
    },
    /// Cancels a scheduled event.
    Cancel {
        /// Its key.
        key: Text,
    },
}

/// A text, or bytes that need not be UTF-8 (as an array of numbers; in a key, read as Latin-1),
/// or a short text repeated: `{"repeat": "ab", "times": 3}`.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub(crate) enum Text {
    /// A text.
    Plain(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A text that is repeated.
    Repeated {
        /// What to repeat.
        repeat: String,
        /// How often.
        times: usize,
    },
}

impl Text {
    /// The bytes meant.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Text::Plain(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
            Text::Repeated { repeat, times } => repeat.repeat(times).into_bytes(),
        }
    }

    /// The same as text.
    pub(crate) fn text(self) -> String {
        match self {
            Text::Plain(text) => text,
            Text::Bytes(bytes) => bytes.into_iter().map(char::from).collect(),
            Text::Repeated { repeat, times } => repeat.repeat(times),
        }
    }
}

impl Step {
    /// Its name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Step::Done => "done",
            Step::Ignored { .. } => "ignored",
            Step::Retry { .. } => "retry",
            Step::Flaky { .. } => "flaky",
            Step::TrapUntil { .. } => "trap_until",
            Step::Reject { .. } => "reject",
            Step::Panic { .. } => "panic",
            Step::Trap => "trap",
            Step::Loop => "loop",
            Step::Spin { .. } => "spin",
            Step::Allocate { .. } => "allocate",
            Step::Recurse { .. } => "recurse",
            Step::HugeLog { .. } => "huge_log",
            Step::ManyLogs { .. } => "many_logs",
            Step::ManyCalls { .. } => "many_calls",
            Step::Print { .. } => "print",
            Step::Log { .. } => "log",
            Step::Echo => "echo",
            Step::Config => "config",
            Step::Get { .. } => "get",
            Step::Set { .. } => "set",
            Step::Delete { .. } => "delete",
            Step::List { .. } => "list",
            Step::Add { .. } => "add",
            Step::Increment { .. } => "increment",
            Step::HugeState { .. } => "huge_state",
            Step::Send { .. } => "send",
            Step::Emit { .. } => "emit",
            Step::Schedule { .. } => "schedule",
            Step::Cancel { .. } => "cancel",
        }
    }
}

impl Program {
    /// The steps that an event asks for.
    pub(crate) fn of(event: &Event) -> Result<Self, Failure> {
        let payload: Value = match event.response()? {
            // What to do at an answer stands in the text that it is recognised by.
            Some(response) => serde_json::from_str(&response.correlation).unwrap_or_default(),
            None => event.json()?,
        };
        let places = [
            &payload,
            &payload["data"]["object"],
            &payload["data"]["object"]["metadata"],
        ];
        for place in places {
            let steps = match &place["steps"] {
                Value::String(text) => serde_json::from_str(text).map_err(|e| unclear(&e))?,
                Value::Null if place["do"].is_string() => Value::Array(vec![place.clone()]),
                Value::Null => continue,
                steps => steps.clone(),
            };
            let steps = serde_json::from_value(steps).map_err(|e| unclear(&e))?;
            return Ok(Self { steps });
        }
        Ok(Self { steps: Vec::new() })
    }
}

fn unclear(error: &serde_json::Error) -> Failure {
    reject(format!("the steps cannot be read: {error}"))
}

fn one() -> i64 {
    1
}

fn once() -> u64 {
    1
}

fn some() -> u32 {
    100
}

fn post() -> String {
    "POST".into()
}
