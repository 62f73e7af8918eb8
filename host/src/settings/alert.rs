//! `[[alerts]]` and `[alert_receivers.NAME]`: of what the gateway tells by itself, and whom.

use std::sync::Arc;
use std::time::Duration;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::secret::Secret;

use super::allow::Allow;

/// The prefix of the names under which notices wait in the outbox. No handler may have it.
const RECEIVER_PREFIX: &str = "alert:";

/// `[[alerts]]`: a condition, and whom to tell when it starts and when it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// `name`: unique. Default: the value of `when`.
    pub name: String,
    /// `when`, with the keys of that kind.
    pub when: Condition,
    /// `severity`: what receivers are told. Default: `warning`.
    pub severity: Severity,
    /// `quiet`: how long the condition must be over before the end is told. Default 1 min.
    pub quiet: Duration,
    /// `to`: names of receivers. Default: all.
    pub to: Vec<String>,
}

/// `when`: the condition of an alert. An empty list of names means all of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// `source_silent`: no event of a source came for `after`, or, without that, for twice as long
    /// as ever in the last fourteen days.
    SourceSilent {
        /// `sources`
        sources: Vec<SourceName>,
        /// `after`
        after: Option<Duration>,
    },
    /// `dead_letters`: more than `over` (default 0) deliveries became dead `within` (default 1 h).
    DeadLetters {
        /// `over`
        over: u64,
        /// `within`
        within: Duration,
    },
    /// `backlog_age`: a delivery has been due for longer than `after` (default 10 min).
    BacklogAge {
        /// `after`
        after: Duration,
    },
    /// `breaker_open`: the breaker of a handler is open.
    BreakerOpen {
        /// `handlers`
        handlers: Vec<HandlerName>,
    },
    /// `rolled_back`: the component in a handler's file failed its trial.
    RolledBack {
        /// `handlers`
        handlers: Vec<HandlerName>,
    },
    /// `rejections`: more than the share `share` (default 0.5) of a source's requests was refused
    /// `within` (default 10 min), of `at_least` (default 20) requests.
    Rejections {
        /// `sources`
        sources: Vec<SourceName>,
        /// `share`
        share: f64,
        /// `within`
        within: Duration,
        /// `at_least`
        at_least: u64,
    },
    /// `secret_expires`: a secret of a source expires `before` (default 7 d) that is over.
    SecretExpires {
        /// `sources`
        sources: Vec<SourceName>,
        /// `before`
        before: Duration,
    },
    /// `certificate_expires`: the same for the certificates of the ingress (default 14 d).
    CertificateExpires {
        /// `before`
        before: Duration,
    },
    /// `disk_full`: less than the share `free` (default 0.1) of the data folder's disk is free.
    DiskFull {
        /// `free`
        free: f64,
    },
    /// `reload_failing`: the files as they are cannot serve.
    ReloadFailing,
}

/// `severity` of an alert, by the words of PagerDuty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// Something is worth knowing.
    Info,
    /// Somebody should look soon.
    #[default]
    Warning,
    /// Something does not work.
    Error,
    /// Somebody should get up.
    Critical,
}

impl Severity {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl Condition {
    /// The value of `when`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SourceSilent { .. } => "source_silent",
            Self::DeadLetters { .. } => "dead_letters",
            Self::BacklogAge { .. } => "backlog_age",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::RolledBack { .. } => "rolled_back",
            Self::Rejections { .. } => "rejections",
            Self::SecretExpires { .. } => "secret_expires",
            Self::CertificateExpires { .. } => "certificate_expires",
            Self::DiskFull { .. } => "disk_full",
            Self::ReloadFailing => "reload_failing",
        }
    }
}

/// `[alert_receivers.NAME]`: where notices go.
#[derive(Debug)]
pub struct AlertReceiver {
    /// The receiver's name.
    pub name: String,
    /// `format`
    pub format: NoticeFormat,
    /// `url`: often a secret, so it is in no row of the ledger.
    pub url: Secret,
    /// The origin of `url`, with `addresses` and `headers`.
    pub allow: Allow,
}

/// `format`: what a receiver understands.
#[derive(Debug)]
pub enum NoticeFormat {
    /// `slack`: an incoming webhook of Slack, or of software that takes the same.
    Slack,
    /// `pagerduty`: the Events API v2.
    PagerDuty {
        /// `routing_key` of an integration.
        routing_key: Secret,
    },
    /// `json`: the notice as it is.
    Json,
}

impl AlertReceiver {
    /// The name under which notices to a receiver wait in the outbox.
    pub fn outbox_name(receiver: &str) -> HandlerName {
        HandlerName::new(format!("{RECEIVER_PREFIX}{receiver}"))
    }

    /// The receiver whose notices wait under this name; `None` if it is the name of a handler.
    pub fn of_outbox_name(name: &HandlerName) -> Option<&str> {
        name.as_str().strip_prefix(RECEIVER_PREFIX)
    }
}

/// Everything about alerts in a manifest.
#[derive(Debug, Default)]
pub struct Alerts {
    /// `[[alerts]]`, in the manifest's order.
    pub alerts: Vec<Alert>,
    /// `[alert_receivers.NAME]`, in the order of names.
    pub receivers: Vec<Arc<AlertReceiver>>,
}

impl Alerts {
    /// The receiver with this name.
    pub fn receiver(&self, name: &str) -> Option<&Arc<AlertReceiver>> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}
