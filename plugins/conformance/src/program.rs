//! The steps that a payload may name.

use serde_json::Value;
use tollgate_handler::prelude::*;

/// The steps of one event, in order.
pub(crate) struct Program {
    pub(crate) steps: Vec<ProgramStep>,
}

/// A step with its `must` flag: if it is set, a refusal by the gateway ends the run.
#[derive(Deserialize)]
pub(crate) struct ProgramStep {
    #[serde(flatten)]
    pub(crate) step: Step,
    #[serde(default)]
    pub(crate) must: bool,
}

/// One step. Its name stands in the JSON field `do`, in snake case: `{"do": "huge_log", "bytes":
/// 9}`.
#[derive(Deserialize, Debug)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Step {
    /// Ends the run as done.
    Done,
    /// Ends the run as ignored, with this reason.
    Ignored {
        /// The reason.
        #[serde(default)]
        reason: String,
    },
    /// Ends the run with a retry.
    Retry {
        /// The reason.
        #[serde(default)]
        reason: String,
        /// The shortest wait before the next attempt, in milliseconds.
        after_ms: Option<u64>,
    },
    /// Ends the run with a retry before attempt `succeed_at`.
    Flaky {
        /// The first attempt that succeeds, counted from 1.
        succeed_at: u32,
        /// The shortest wait before the next attempt, in milliseconds.
        after_ms: Option<u64>,
    },
    /// Traps before attempt `succeed_at`.
    TrapUntil {
        /// The first attempt that succeeds, counted from 1.
        succeed_at: u32,
    },
    /// Ends the run as rejected, with this reason.
    Reject {
        /// The reason.
        #[serde(default)]
        reason: String,
        /// Goes on if the event is a replay.
        #[serde(default)]
        unless_replay: bool,
    },
    /// Panics with this message: logs the message as an error, then traps.
    Panic {
        /// The message.
        #[serde(default)]
        message: String,
    },
    /// Executes `unreachable`: a trap without a message.
    Trap,
    /// Loops for ever.
    Loop,
    /// Runs this number of millions of rounds of cheap arithmetic.
    Spin {
        /// Rounds, in millions.
        millions: u64,
    },
    /// Allocates and touches memory, 1 MiB at a time, until the gateway refuses it: a trap. With
    /// `bytes`, allocates that number of bytes and logs `allocate` with `bytes`.
    Allocate {
        /// The number of bytes; none for no limit.
        bytes: Option<usize>,
    },
    /// Recurses until the stack ends: a trap. With `depth`, recurses to that depth.
    Recurse {
        /// The depth; none for no limit.
        depth: Option<u64>,
    },
    /// Logs one line of this length.
    HugeLog {
        /// The length in bytes.
        bytes: usize,
    },
    /// Logs this number of lines.
    ManyLogs {
        /// The number.
        count: u64,
    },
    /// Calls the gateway (`config.get`) this number of times.
    ManyCalls {
        /// The number.
        count: u64,
    },
    /// Writes to stdout and stderr, if the target has them.
    Print {
        /// The text of the two lines `out: TEXT` and `err: TEXT`.
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
    /// Logs `echo` with the field `event`: the whole event as a JSON object. Its payload is a text
    /// if it is UTF-8, else an array of bytes.
    Echo,
    /// Logs `resolved` with what the provider's API told: `object` and `event`, each the text of an
    /// answer or `gone`, with `read_ms`.
    Resolved,
    /// Logs `config` with every entry of the handler's config as a field.
    Config,
    /// Logs `get` with `key` and, if the key is present, `value`.
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
        /// The listing begins behind this key.
        after: Option<String>,
        /// The greatest number of entries.
        #[serde(default = "some")]
        limit: u32,
    },
    /// Adds to a counter without reading it.
    Add {
        /// The key.
        key: Text,
        /// The number to add.
        #[serde(default = "one")]
        delta: i64,
    },
    /// Reads a counter and sets the sum, so concurrent deliveries conflict.
    Increment {
        /// The key.
        key: Text,
        /// The number to add.
        #[serde(default = "one")]
        delta: i64,
    },
    /// Sets a key to a value of this length.
    HugeState {
        /// The key.
        key: Text,
        /// The length of the value in bytes.
        bytes: usize,
    },
    /// Queues a request; logs `send` with its idempotency `key`.
    Send(SendStep),
    /// Emits an event; logs `emit` with its `id`.
    Emit(EmitStep),
    /// Schedules an event.
    Schedule(ScheduleStep),
    /// Cancels a scheduled event.
    Cancel {
        /// The entry's key.
        key: Text,
    },
}

/// The fields of a step that queues requests.
#[derive(Deserialize, Debug)]
pub(crate) struct SendStep {
    /// The method.
    #[serde(default = "post")]
    pub(crate) method: String,
    /// The absolute URL.
    pub(crate) url: String,
    /// Headers.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// The order key.
    pub(crate) order_key: Option<String>,
    /// The steps to run when the response arrives. The request's `respond` text holds them.
    pub(crate) respond: Option<Value>,
    /// The body: a string as its text, any other JSON as JSON.
    #[serde(default)]
    pub(crate) body: Value,
    /// The number of requests like this one.
    #[serde(default = "once")]
    pub(crate) times: u64,
}

/// The fields of a step that emits events.
#[derive(Deserialize, Debug)]
pub(crate) struct EmitStep {
    /// The event type.
    pub(crate) kind: String,
    /// The event's subject.
    pub(crate) subject: Option<String>,
    /// The payload: a string as its text, any other JSON as JSON.
    #[serde(default)]
    pub(crate) payload: Value,
    /// The number of events like this one.
    #[serde(default = "once")]
    pub(crate) times: u64,
}

/// The fields of a step that schedules an event.
#[derive(Deserialize, Debug)]
pub(crate) struct ScheduleStep {
    /// The entry's key.
    pub(crate) key: Text,
    /// The delay from now in milliseconds.
    #[serde(default)]
    pub(crate) after_ms: u64,
    /// The due time in milliseconds since the Unix epoch. It takes precedence over `after_ms`.
    pub(crate) at_ms: Option<u64>,
    /// The event type.
    pub(crate) kind: String,
    /// The event's subject.
    pub(crate) subject: Option<String>,
    /// The payload: a string as its text, any other JSON as JSON.
    #[serde(default)]
    pub(crate) payload: Value,
}

/// A text in one of three forms: a string; an array of bytes, which need not be UTF-8 (in a key,
/// they count as Latin-1); or a repeated text, `{"repeat": "ab", "times": 3}`.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub(crate) enum Text {
    /// A text.
    Plain(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A repeated text.
    Repeated {
        /// The text to repeat.
        repeat: String,
        /// The number of times.
        times: usize,
    },
}

impl Text {
    /// Returns the text's bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Text::Plain(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
            Text::Repeated { repeat, times } => repeat.repeat(times).into_bytes(),
        }
    }

    /// Returns the text.
    pub(crate) fn text(self) -> String {
        match self {
            Text::Plain(text) => text,
            Text::Bytes(bytes) => bytes.into_iter().map(char::from).collect(),
            Text::Repeated { repeat, times } => repeat.repeat(times),
        }
    }
}

impl Step {
    /// Returns the step's name in JSON.
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
            Step::Resolved => "resolved",
            Step::Config => "config",
            Step::Get { .. } => "get",
            Step::Set { .. } => "set",
            Step::Delete { .. } => "delete",
            Step::List { .. } => "list",
            Step::Add { .. } => "add",
            Step::Increment { .. } => "increment",
            Step::HugeState { .. } => "huge_state",
            Step::Send(_) => "send",
            Step::Emit(_) => "emit",
            Step::Schedule(_) => "schedule",
            Step::Cancel { .. } => "cancel",
        }
    }
}

impl Program {
    /// Reads the steps of an event.
    pub(crate) fn of(event: &Event) -> Result<Self, Failure> {
        let payload: Value = match event.response()? {
            // The request's `respond` text holds the steps for its response.
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
