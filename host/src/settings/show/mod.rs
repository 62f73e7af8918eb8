//! The manifest as it is understood: every setting with its value, in the manifest's own words, and
//! secrets masked.
//!
//! Times and sizes are texts as in the manifest (`"5m"`, `"64MiB"`), so that a value can be copied
//! there. A setting without a value is left out.

mod alert;
mod handler;
mod server;
mod source;
mod value;

use serde_json::{Value, json};

use super::{HostLimit, Manifest, RetryPolicy, Route, Watch};
use alert::{alert, receiver};
use tollgate_base::quantity::{show_duration, show_size};
use value::{object, size, table, text, texts};

impl Manifest {
    /// The manifest as it is understood, with secrets masked.
    pub fn shown(&self) -> Value {
        let sources = self.sources.values();
        let handlers = self.handlers.values();
        let receivers = self.alerts.receivers.iter();
        table([
            ("version", Some(json!(1))),
            ("server", Some(self.shown_server())),
            ("ledger", Some(self.shown_ledger())),
            ("plugins", Some(self.shown_plugins())),
            ("reload", Some(self.shown_reload())),
            ("outbox", Some(self.shown_outbox())),
            (
                "alerts",
                Some(self.alerts.alerts.iter().map(alert).collect()),
            ),
            (
                "alert_receivers",
                Some(object(
                    receivers.map(|one| (one.name.clone(), receiver(one))),
                )),
            ),
            (
                "sources",
                Some(object(
                    sources.map(|one| (one.name.to_string(), one.shown())),
                )),
            ),
            (
                "handlers",
                Some(object(
                    handlers.map(|one| (one.name.to_string(), one.shown())),
                )),
            ),
            (
                "routes",
                Some(self.routes.iter().map(Route::shown).collect()),
            ),
        ])
    }

    fn shown_ledger(&self) -> Value {
        let retention = self.retention.events.map(show_duration);
        json!({
            "url": format!("sqlite:{}", self.ledger.path.display()),
            "retention": retention.as_deref().unwrap_or("forever"),
            "rejections": {
                "keep": self.rejections.keep,
                "retention": show_duration(self.rejections.retention),
                "body": show_size(self.rejections.body as u64),
            },
        })
    }

    fn shown_plugins(&self) -> Value {
        let plugins = &self.plugins;
        table([
            ("dir", text(&plugins.dir.display())),
            ("max_size", size(plugins.max_size)),
            ("compile_memory", size(plugins.compile.memory)),
            ("compile_time", text(&show_duration(plugins.compile.time))),
            ("memory", plugins.memory.and_then(size)),
        ])
    }

    fn shown_reload(&self) -> Value {
        let watch = match self.reload.watch {
            Watch::Events => "events",
            Watch::Poll => "poll",
            Watch::Off => "off",
        };
        json!({
            "watch": watch,
            "poll_interval": show_duration(self.reload.poll_interval),
            "debounce": show_duration(self.reload.debounce),
        })
    }

    fn shown_outbox(&self) -> Value {
        let outbox = &self.outbox;
        let hosts = outbox.hosts.named.iter();
        json!({
            "concurrency": outbox.concurrency,
            "timeout": show_duration(outbox.timeout),
            "retry": outbox.retry.shown(),
            "per_host": outbox.hosts.default.shown(),
            "hosts": object(hosts.map(|(name, limit)| (name.clone(), limit.shown()))),
        })
    }
}

impl RetryPolicy {
    fn shown(&self) -> Value {
        table([
            ("attempts", Some(self.attempts.into())),
            ("first", text(&show_duration(self.first))),
            ("factor", Some(self.factor.into())),
            ("max", text(&show_duration(self.max))),
            ("jitter", Some(self.jitter.into())),
            ("total", self.total.map(|total| show_duration(total).into())),
        ])
    }
}

impl HostLimit {
    fn shown(&self) -> Value {
        table([
            ("concurrency", Some(self.concurrency.into())),
            ("rate", self.rate.as_ref().and_then(|rate| text(rate))),
        ])
    }
}

impl Route {
    /// The route as it is understood.
    pub fn shown(&self) -> Value {
        let filter = self.filter.iter().cloned();
        table([
            ("source", text(&self.source)),
            ("events", Some(texts(&self.events))),
            ("thin", Some(self.thin.into())),
            ("where", (!self.filter.is_empty()).then(|| object(filter))),
            ("handlers", Some(texts(&self.handlers))),
        ])
    }
}
