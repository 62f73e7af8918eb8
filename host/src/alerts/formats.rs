//! Notices in the forms of their receivers.

use bytes::Bytes;
use serde_json::{Value, json};

use super::notice::Notice;
use crate::settings::{AlertReceiver, NoticeFormat};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// The longest summary that PagerDuty takes.
const SUMMARY: usize = 1024;

/// The text that waits in the outbox is no notice.
#[derive(Debug, thiserror::Error)]
#[error("the notice cannot be read")]
pub(crate) struct Unreadable(#[from] serde_json::Error);

/// The body for a receiver of a notice that waits in the outbox.
pub(crate) fn body(receiver: &AlertReceiver, queued: &[u8]) -> Result<Bytes, Unreadable> {
    let notice: Notice = serde_json::from_slice(queued)?;
    let body = match &receiver.format {
        NoticeFormat::Json => return Ok(Bytes::copy_from_slice(queued)),
        NoticeFormat::Slack => slack(&notice),
        NoticeFormat::PagerDuty { routing_key } => {
            let key = String::from_utf8_lossy(routing_key.expose());
            pagerduty(&notice, &key)
        }
    };
    Ok(body.to_string().into())
}

/// A message of an incoming webhook.
fn slack(notice: &Notice) -> Value {
    let sign = match (notice.status.as_str(), notice.severity.as_str()) {
        ("ended", _) => ":white_check_mark: over:",
        (_, "critical" | "error") => ":rotating_light:",
        (_, "warning") => ":warning:",
        _ => ":information_source:",
    };
    let text = escaped(&notice.text);
    let (alert, gateway) = (escaped(&notice.alert), escaped(&notice.gateway));
    json!({ "text": format!("{sign} {text} (alert {alert}, gateway {gateway})") })
}

/// Slack reads these three characters as markup, and no others of this kind.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

/// An event of the Events API v2.
fn pagerduty(notice: &Notice, routing_key: &str) -> Value {
    let action = match notice.status.as_str() {
        "ended" => "resolve",
        _ => "trigger",
    };
    let summary: String = notice.text.chars().take(SUMMARY).collect();
    let since = WallTime::from_millis(notice.since_ms);
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": dedup_key(notice),
        "client": "Tollgate",
        "payload": {
            "summary": summary,
            "source": notice.gateway,
            "severity": notice.severity,
            "timestamp": rfc3339::format(since),
            "component": notice.subject,
            "group": notice.alert,
            "class": notice.when,
            "custom_details": { "key": notice.key },
        },
    })
}

/// What tells the end of an alert from that of others: 255 characters at most.
fn dedup_key(notice: &Notice) -> String {
    let key = format!("tollgate/{}/{}", notice.gateway, notice.key);
    match key.len() <= 255 && key.is_ascii() {
        true => key,
        false => {
            use sha2::Digest as _;
            format!("tollgate/{}", hex::encode(sha2::Sha256::digest(key)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Allow;
    use tollgate_base::origin::Origin;
    use tollgate_base::secret::Secret;

    fn receiver(format: NoticeFormat) -> AlertReceiver {
        AlertReceiver {
            name: "ops".to_owned(),
            format,
            url: Secret::new("https://hooks.example/x"),
            allow: Allow {
                origin: Origin::parse("https://hooks.example").unwrap(),
                addresses: Vec::new(),
                headers: Vec::new(),
                immediate: false,
            },
        }
    }

    fn notice(status: &str) -> Notice {
        Notice {
            version: 1,
            status: status.to_owned(),
            alert: "quiet".to_owned(),
            when: "source_silent".to_owned(),
            severity: "critical".to_owned(),
            subject: "stripe".to_owned(),
            text: "no event of <stripe> & co".to_owned(),
            key: "quiet/stripe/1000".to_owned(),
            since_ms: 1_000,
            at_ms: 2_000,
            gateway: "host-1".to_owned(),
        }
    }

    fn sent(format: NoticeFormat, notice: &Notice) -> Value {
        let queued = serde_json::to_vec(notice).unwrap();
        let body = body(&receiver(format), &queued).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn slack_gets_a_text_without_markup() {
        let text = sent(NoticeFormat::Slack, &notice("started"))["text"].clone();
        let expected = ":rotating_light: no event of &lt;stripe&gt; &amp; co (alert quiet, gateway \
                        host-1)";
        assert_eq!(text, expected);
        let text = sent(NoticeFormat::Slack, &notice("ended"))["text"].clone();
        assert!(
            text.as_str()
                .unwrap()
                .starts_with(":white_check_mark: over:")
        );
    }

    #[test]
    fn pagerduty_gets_the_same_key_for_start_and_end() {
        let format = || NoticeFormat::PagerDuty {
            routing_key: Secret::new("r0uting"),
        };
        let started = sent(format(), &notice("started"));
        let ended = sent(format(), &notice("ended"));
        assert_eq!(started["event_action"], "trigger");
        assert_eq!(ended["event_action"], "resolve");
        assert_eq!(started["dedup_key"], ended["dedup_key"]);
        assert_eq!(started["routing_key"], "r0uting");
        assert_eq!(started["payload"]["severity"], "critical");
        assert_eq!(started["payload"]["timestamp"], "1970-01-01T00:00:01Z");
        let long = Notice {
            key: "x".repeat(300),
            ..notice("started")
        };
        let key = sent(format(), &long)["dedup_key"].clone();
        assert!(key.as_str().is_some_and(|key| key.len() <= 255));
    }

    #[test]
    fn json_is_the_notice_as_it_is() {
        let sent = sent(NoticeFormat::Json, &notice("started"));
        assert_eq!(sent, serde_json::to_value(notice("started")).unwrap());
        assert!(body(&receiver(NoticeFormat::Json), b"{").is_err());
    }
}
