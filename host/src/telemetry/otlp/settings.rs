//! What is exported, and how: by OpenTelemetry's environment variables.
//!
//! The names and meanings are those of OpenTelemetry's specification ("Environment Variable
//! Specification", "OTLP Exporter Configuration"). The crates read the endpoints, the headers, the
//! limits of spans and the attributes of the resource. This module reads the rest, and looks for
//! values that the crates would pass over without a word.

use std::time::Duration;

/// How long an export may take, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The default bounds of a queue: how many items wait, how many are exported at once, and how long
/// an item waits for others. OpenTelemetry's own defaults, but for the last one, which is 5 seconds
/// for spans there: traces are there sooner.
const QUEUE: Bounds = Bounds {
    waiting: 2048,
    batch: 512,
    delay: Duration::from_secs(1),
};

/// The samplers that OpenTelemetry's SDK knows.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) traces: Option<Export>,
    pub(super) logs: Option<Export>,
    /// Whether the variables name the service.
    pub(super) names_service: bool,
    /// What the operator should know of the variables.
    pub(super) warnings: Vec<String>,
}

/// How the items of one kind are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) protocol: Protocol,
    pub(super) timeout: Duration,
    /// Whether the endpoint is an `https` one.
    pub(super) secured: bool,
    pub(super) bounds: Bounds,
}

/// The protocols of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

/// The bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) waiting: usize,
    pub(super) batch: usize,
    pub(super) delay: Duration,
}

/// What items are, as variables name them.
struct Signal {
    /// Within the names of the exporter's variables.
    name: &'static str,
    /// Before the names of the queue's variables.
    queue: &'static str,
    /// Whether an endpoint alone asks for an export.
    by_endpoint: bool,
}

const TRACES: Signal = Signal {
    name: "TRACES",
    queue: "BSP",
    by_endpoint: true,
};

/// Logs are exported if they are asked for: they are on standard error already.
const LOGS: Signal = Signal {
    name: "LOGS",
    queue: "BLRP",
    by_endpoint: false,
};

impl Settings {
    /// Reads the variables.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // An empty variable counts as unset.
        let variable = |name: &str| {
            let value = variable(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let mut settings = Self::default();
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return settings;
        }
        let warnings = &mut settings.warnings;
        settings.traces = TRACES.read(&variable, warnings);
        settings.logs = LOGS.read(&variable, warnings);
        if settings.traces.is_some() {
            look_at_sampler(&variable, warnings);
        }
        let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        settings.names_service = variable("OTEL_SERVICE_NAME").is_some()
            || attributes
                .split(',')
                .any(|pair| pair.trim().starts_with("service.name="));
        settings
    }
}

impl Signal {
    fn read(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
        warnings: &mut Vec<String>,
    ) -> Option<Export> {
        // The variable of the signal goes before the one of all signals.
        let of = |ending: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_{}_{ending}", self.name))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{ending}")))
        };
        let chosen = format!("OTEL_{}_EXPORTER", self.name);
        let endpoint = of("ENDPOINT");
        match variable(&chosen).as_deref() {
            Some("otlp") => {}
            None if self.by_endpoint && endpoint.is_some() => {}
            None | Some("none") => return None,
            Some(other) => {
                warnings.push(format!(
                    "{chosen}={other}: only `otlp` and `none` are known"
                ));
                return None;
            }
        }
        let protocol = match of("PROTOCOL").as_deref() {
            Some("grpc") => Protocol::Grpc,
            None | Some("http/protobuf") => Protocol::Http,
            Some(other) => {
                warnings.push(format!(
                    "the OTLP protocol {other} is not known: `grpc` and `http/protobuf` are"
                ));
                return None;
            }
        };
        let queue =
            |ending: &str| number(variable, &format!("OTEL_{}_{ending}", self.queue), warnings);
        let [waiting, batch, delay] =
            ["MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE", "SCHEDULE_DELAY"].map(queue);
        let bounds = Bounds {
            waiting: waiting.map_or(QUEUE.waiting, |waiting| waiting.max(1) as usize),
            batch: batch.map_or(QUEUE.batch, |batch| batch.max(1) as usize),
            delay: delay.map_or(QUEUE.delay, Duration::from_millis),
        };
        let timeout = of("TIMEOUT").and_then(|millis| millis.parse().ok());
        Some(Export {
            protocol,
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            secured: endpoint.is_some_and(|endpoint| endpoint.starts_with("https:")),
            bounds: Bounds {
                batch: bounds.batch.min(bounds.waiting),
                ..bounds
            },
        })
    }
}

/// The number that a variable has.
fn number(
    variable: &impl Fn(&str) -> Option<String>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<u64> {
    let text = variable(name)?;
    let number = text.parse().ok();
    if number.is_none() {
        warnings.push(format!("{name}={text} is no number: the default holds"));
    }
    number
}

/// Warns of a sampler that the SDK would replace by its default.
fn look_at_sampler(variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) {
    let Some(sampler) = variable("OTEL_TRACES_SAMPLER") else {
        return;
    };
    if !SAMPLERS.contains(&sampler.as_str()) {
        warnings.push(format!(
            "OTEL_TRACES_SAMPLER={sampler} is not known: every trace is sampled"
        ));
    }
    let share = variable("OTEL_TRACES_SAMPLER_ARG").and_then(|share| share.parse::<f64>().ok());
    if sampler.ends_with("traceidratio") && !share.is_some_and(|share| (0.0..=1.0).contains(&share))
    {
        warnings.push(
            "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1: every trace is sampled"
                .to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Settings {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

    #[test]
    fn nothing_is_exported_unless_it_is_asked_for() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "x")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            let settings = read(variables);
            assert_eq!(
                (settings.traces, settings.logs),
                (None, None),
                "{variables:?}"
            );
            assert!(settings.warnings.is_empty(), "{settings:?}");
        }
    }

    #[test]
    fn an_endpoint_asks_for_traces_and_logs_are_asked_for_by_name() {
        let settings = read(&[ENDPOINT]);
        assert_eq!(settings.traces.unwrap().protocol, Protocol::Http);
        assert_eq!(settings.logs, None);
        let settings = read(&[
            ENDPOINT,
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "https://c.example/v1/traces",
            ),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
            ("OTEL_BSP_SCHEDULE_DELAY", "5"),
        ]);
        let (traces, logs) = (settings.traces.unwrap(), settings.logs.unwrap());
        assert_eq!(
            (traces.protocol, logs.protocol),
            (Protocol::Http, Protocol::Grpc)
        );
        assert_eq!((traces.secured, logs.secured), (true, false));
        assert_eq!(traces.timeout, Duration::from_millis(300));
        let bounds = Bounds {
            waiting: 10,
            batch: 10,
            delay: Duration::from_millis(5),
        };
        assert_eq!((traces.bounds, logs.bounds), (bounds, QUEUE));
    }

    #[test]
    fn a_service_is_named_by_either_variable() {
        for (name, value, names) in [
            ("OTEL_SERVICE_NAME", "shop", true),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=shop", true),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=service.name", false),
        ] {
            assert_eq!(read(&[(name, value)]).names_service, names, "{value}");
        }
    }

    #[test]
    fn what_is_not_known_is_told() {
        for (name, value, said) in [
            ("OTEL_TRACES_EXPORTER", "zipkin", "only `otlp` and `none`"),
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "http/json",
                "http/json is not known",
            ),
            ("OTEL_TRACES_SAMPLER", "xray", "xray is not known"),
            (
                "OTEL_TRACES_SAMPLER",
                "traceidratio",
                "a number from 0 to 1",
            ),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "many is no number"),
        ] {
            let warnings = read(&[ENDPOINT, (name, value)]).warnings;
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(said), "{warnings:?}");
        }
    }
}
