//! A notice: what is told of an alert, before it has the form of its receiver.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::Finding;
use super::facts::Facts;
use crate::settings::{Alert, AlertReceiver, Alerts};
use tollgate_base::event::{
    DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::time::WallTime;
use tollgate_ledger::{AlertChange, EqualBytes, EventForm, LastingAlert, NewEvent, NewRequest};

/// The source of the events about alerts. No source of a manifest can have this name.
const ALERTS_SOURCE: &str = "tollgate:alerts";

/// The start or the end of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) since: WallTime,
    pub(super) starts: bool,
    pub(super) about: About,
}

/// What an alert is about, as it stands in the ledger while the alert lasts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct About {
    /// The name of the alert in the manifest.
    pub(crate) alert: String,
    /// The condition.
    pub(crate) when: String,
    /// `info`, `warning`, `error` or `critical`.
    pub(crate) severity: String,
    /// The source, the handler or the certificate that the alert is about.
    pub(crate) subject: String,
    /// What is wrong, for people.
    pub(crate) text: String,
    /// The receivers.
    pub(crate) to: Vec<String>,
}

/// A notice as it waits in the outbox. Receivers of the format `json` get it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    pub(super) version: u32,
    /// `started` or `ended`.
    pub(super) status: String,
    pub(super) alert: String,
    pub(super) when: String,
    pub(super) severity: String,
    pub(super) subject: String,
    pub(super) text: String,
    /// What identifies the alert, from its start to its end.
    pub(super) key: String,
    pub(super) since_ms: u64,
    pub(super) at_ms: u64,
    /// The name of the machine.
    pub(super) gateway: String,
}

impl About {
    pub(super) fn new(alert: &Alert, finding: Finding) -> Self {
        Self {
            alert: alert.name.clone(),
            when: alert.when.name().to_owned(),
            severity: alert.severity.name().to_owned(),
            subject: finding.subject,
            text: finding.text,
            to: alert.to.clone(),
        }
    }
}

impl Change {
    /// The change as the ledger takes it, with a notice to each receiver that is there.
    pub(super) fn for_ledger(&self, alerts: &Alerts, facts: &Facts) -> AlertChange {
        let notice = self.notice(facts);
        let body = serde_json::to_vec(&notice).expect("texts and numbers always have a JSON form");
        let body = Bytes::from(body);
        let event = self.event(body.clone(), facts.now);
        let receivers = self.about.to.iter();
        let receivers = receivers.filter_map(|name| alerts.receiver(name));
        let notices = receivers.map(|to| queued(to, &event.event, &self.key, body.clone()));
        AlertChange {
            alert: LastingAlert {
                key: self.key.clone(),
                since: self.since,
                text: serde_json::to_string(&self.about).expect("texts always have a JSON form"),
            },
            starts: self.starts,
            notices: notices.collect(),
            event,
        }
    }

    fn notice(&self, facts: &Facts) -> Notice {
        let about = self.about.clone();
        Notice {
            version: 1,
            status: if self.starts { "started" } else { "ended" }.to_owned(),
            alert: about.alert,
            when: about.when,
            severity: about.severity,
            subject: about.subject,
            text: about.text,
            key: format!("{}/{}", self.key, self.since.as_millis()),
            since_ms: self.since.as_millis(),
            at_ms: facts.now.as_millis(),
            gateway: facts.gateway.clone(),
        }
    }

    fn event(&self, payload: Bytes, now: WallTime) -> NewEvent {
        let status = if self.starts { "started" } else { "ended" };
        let id = format!("{}/{}/{status}", self.key, self.since.as_millis());
        let source = SourceName::new(ALERTS_SOURCE);
        NewEvent {
            dedup: DedupKey::new(&source, &DedupBasis::SignedId(id.clone())),
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            form: EventForm::Whole,
            handlers: Vec::new(),
            event: Event {
                id: EventId::derived(now, id.as_bytes()),
                source,
                provider_id: None,
                kind: format!("alert.{status}"),
                subject: Some(self.key.clone()),
                account: None,
                created: Some(now),
                received: now,
                headers: Headers::default(),
                metadata: Vec::new(),
                depth: 0,
                payload,
            },
        }
    }
}

/// A notice to one receiver. The URL is the origin alone: the rest may be a secret, and comes from
/// the manifest as the notice leaves.
fn queued(
    receiver: &AlertReceiver,
    event: &Event,
    key: &str,
    body: Bytes,
) -> (HandlerName, NewRequest) {
    let request = NewRequest {
        key: format!("{}/{}", event.id, receiver.name),
        method: "POST".to_owned(),
        url: format!("{}/", receiver.allow.origin),
        headers: Vec::new(),
        body,
        // The end of an alert never overtakes its start.
        order_key: Some(key.to_owned()),
        respond: None,
    };
    (AlertReceiver::outbox_name(&receiver.name), request)
}
