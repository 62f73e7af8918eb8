//! Whether the conditions of alerts hold.

use std::time::Duration;

use super::facts::{Facts, HandlerFacts, SourceFacts};
use super::memory::Memory;
use crate::settings::{Alert, Condition};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::quantity::show_duration as about;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// Something for which a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What the condition holds for, such as the name of a source. Empty for the whole gateway.
    pub(super) subject: String,
    /// A sentence for people.
    pub(super) text: String,
}

impl Finding {
    fn of_gateway(text: String) -> Self {
        Self {
            subject: String::new(),
            text,
        }
    }
}

/// Everything for which the condition of an alert holds.
pub(super) fn findings(alert: &Alert, facts: &Facts, memory: &Memory) -> Vec<Finding> {
    match &alert.when {
        Condition::SourceSilent { sources, after } => of_sources(facts, sources, |source| {
            let rhythm = memory.rhythm(source)?;
            let (limit, silence) = ((*after).or(rhythm.unusual())?, rhythm.silence(facts.steady));
            let text = || format!("no event of source `{}` for {}", source.name, about(limit));
            (silence >= limit).then(text)
        }),
        Condition::DeadLetters { over, within } => {
            let dead = memory.dead_letters(alert);
            let text = format!("dead letters within {}: {dead}", about(*within));
            one(dead > *over, text)
        }
        Condition::BacklogAge { after } => {
            let text = format!("a delivery has been due for longer than {}", about(*after));
            one(facts.backlog_age > *after, text)
        }
        Condition::BreakerOpen { handlers } => of_handlers(facts, handlers, |handler| {
            let text = || format!("the breaker of handler `{}` is open", handler.name);
            handler.breaker_open.then(text)
        }),
        Condition::RolledBack { handlers } => of_handlers(facts, handlers, |handler| {
            let text = || {
                format!(
                    "handler `{}` runs an earlier component, because the one in its file failed \
                     its trial",
                    handler.name
                )
            };
            handler.rolled_back.then(text)
        }),
        Condition::Rejections {
            sources,
            share,
            within,
            at_least,
        } => of_sources(facts, sources, |source| {
            let (taken, refused) = memory.requests(alert, source);
            let all = taken + refused;
            let text = || {
                let (name, within) = (&source.name, about(*within));
                format!("source `{name}` refused {refused} of {all} requests within {within}")
            };
            (all >= *at_least && refused as f64 > share * all as f64).then(text)
        }),
        Condition::SecretExpires { sources, before } => of_secrets(facts, sources, *before),
        Condition::CertificateExpires { before } => of_certificates(facts, *before),
        Condition::DiskFull { free } => {
            let text = format!(
                "less than {} % of the data folder's disk is free",
                free * 100.0
            );
            one(facts.disk_free.is_some_and(|found| found < *free), text)
        }
        Condition::ReloadFailing => {
            let text = "the manifest or a component as it is cannot be loaded, so an earlier \
                        generation serves";
            one(facts.reload_failing, text.to_owned())
        }
    }
}

fn one(holds: bool, text: String) -> Vec<Finding> {
    holds
        .then(|| Finding::of_gateway(text))
        .into_iter()
        .collect()
}

fn of_sources(
    facts: &Facts,
    wanted: &[SourceName],
    holds: impl Fn(&SourceFacts) -> Option<String>,
) -> Vec<Finding> {
    let sources = facts.sources.iter();
    let sources = sources.filter(|source| wanted.is_empty() || wanted.contains(&source.name));
    sources
        .filter_map(|source| {
            Some(Finding {
                text: holds(source)?,
                subject: source.name.to_string(),
            })
        })
        .collect()
}

fn of_handlers(
    facts: &Facts,
    wanted: &[HandlerName],
    holds: impl Fn(&HandlerFacts) -> Option<String>,
) -> Vec<Finding> {
    let handlers = facts.handlers.iter();
    let handlers = handlers.filter(|handler| wanted.is_empty() || wanted.contains(&handler.name));
    handlers
        .filter_map(|handler| {
            Some(Finding {
                text: holds(handler)?,
                subject: handler.name.to_string(),
            })
        })
        .collect()
}

fn of_secrets(facts: &Facts, wanted: &[SourceName], before: Duration) -> Vec<Finding> {
    let sources = facts.sources.iter();
    let sources = sources.filter(|source| wanted.is_empty() || wanted.contains(&source.name));
    let secrets = sources.flat_map(|source| {
        let numbered = (1..).zip(&source.secrets);
        numbered.filter_map(move |(number, end): (u32, _)| Some((source, number, (*end)?)))
    });
    secrets
        .filter(|(_, _, end)| is_near(*end, facts.now, before))
        .map(|(source, number, end)| Finding {
            subject: format!("{}/{number}", source.name),
            text: format!(
                "secret {number} of source `{}` expires at {}",
                source.name,
                rfc3339::format(end)
            ),
        })
        .collect()
}

fn of_certificates(facts: &Facts, before: Duration) -> Vec<Finding> {
    let certificates = facts.certificates.iter();
    certificates
        .filter(|(_, end)| is_near(*end, facts.now, before))
        .map(|(name, end)| Finding {
            subject: name.clone(),
            text: format!(
                "the certificate for {name} expires at {}",
                rfc3339::format(*end)
            ),
        })
        .collect()
}

/// Whether an end is near, or over.
fn is_near(end: WallTime, now: WallTime, before: Duration) -> bool {
    end.since(now) <= before
}
