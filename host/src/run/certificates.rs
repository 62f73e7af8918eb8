//! The certificates of the ingress: in the status, and in a warning each day before one ends.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::certificates::Certificate;
use crate::run::core::Core;
use crate::settings::{Manifest, certificate_warning};
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::WallTime;

/// How often the thread looks at the clock.
const LOOK: Duration = Duration::from_secs(2);
/// The time between two warnings.
const AGAIN: Duration = Duration::from_secs(86_400);

/// The certificates of a generation as status shows them, by name. Null without TLS.
pub(super) fn certificates_json(manifest: &Manifest, now: WallTime) -> Value {
    let Some(tls) = &manifest.tls else {
        return Value::Null;
    };
    let certificates = &tls.certificates;
    let mut shown = Map::new();
    for file in certificates {
        let certificate = &file.certificate;
        // Two certificates with keys of two kinds may have the same name.
        let name = match shown.contains_key(&certificate.name()) {
            true => format!("{} ({})", certificate.name(), file.path.display()),
            false => certificate.name(),
        };
        let left = certificate.not_after().since(now);
        let one = json!({
            "names": certificate.dns_names(),
            "file": file.path,
            "not_before_ms": certificate.not_before(),
            "not_after_ms": certificate.not_after(),
            "days_left": left.as_secs() / 86_400,
            "state": certificate.state(now).name(),
        });
        shown.insert(name, one);
    }
    Value::Object(shown)
}

/// Starts the thread that warns of certificates that are not in force or expire soon.
pub(super) fn watch(core: Arc<Core>) -> std::io::Result<OwnedThread> {
    OwnedThread::start("certificates", move |stop| {
        let mut reminder = Reminder::default();
        // The load of a generation logs its warnings itself.
        reminder.due(&core.current.load().manifest, None, core.clock.now());
        loop {
            let manifest = core.current.load().manifest.clone();
            let issued = core.tls.issued();
            for warning in reminder.due(&manifest, issued.as_deref(), core.clock.now()) {
                tracing::warn!("{warning}");
            }
            if stop.wait(LOOK) {
                return;
            }
        }
    })
}

/// Warns once a day.
#[derive(Debug, Default)]
struct Reminder {
    last: Option<WallTime>,
}

impl Reminder {
    /// The warnings to log now. `issued` is the certificate of an authority.
    fn due(
        &mut self,
        manifest: &Manifest,
        issued: Option<&Certificate>,
        now: WallTime,
    ) -> Vec<String> {
        // A clock that was set back must not silence the warnings.
        let recent = |last: WallTime| last <= now && now.since(last) < AGAIN;
        if self.last.is_some_and(recent) {
            return Vec::new();
        }
        let certificates = manifest.tls.iter().flat_map(|tls| &tls.certificates);
        let issued = issued.and_then(|issued| certificate_warning(issued, now));
        let warnings: Vec<_> = certificates
            .filter_map(|file| {
                let warning = certificate_warning(&file.certificate, now)?;
                Some(format!("{}: {warning}", file.path.display()))
            })
            .chain(issued)
            .collect();
        if !warnings.is_empty() {
            self.last = Some(now);
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use tollgate_base::rfc3339;

    /// A manifest whose certificate is in force from 2030-01-01 to 2030-04-01.
    fn manifest(folder: &Path) -> Manifest {
        let mut params = rcgen::CertificateParams::new(vec!["hooks.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2030, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 4, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pem = |label: &str, der: &[u8]| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
        };
        std::fs::write(folder.join("c.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
        std::fs::write(
            folder.join("k.pem"),
            pem("PRIVATE KEY", &key.serialize_der()),
        )
        .unwrap();
        let text = "version = 1\n[server]\ntls = { cert = \"c.pem\", key = \"k.pem\" }\n\
             [sources.stripe]\npath = \"/s\"\nscheme = \"stripe\"\nsecrets = [\"whsec_a\"]\n";
        crate::manifest::parse(text, &folder.join("m.toml"), &|_| None).unwrap()
    }

    fn at(text: &str) -> WallTime {
        rfc3339::parse(text).unwrap()
    }

    #[test]
    fn a_certificate_that_ends_is_told_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest(folder.path());
        let mut reminder = Reminder::default();
        let mut due = |now| {
            let warnings = reminder.due(&manifest, None, at(now));
            warnings.first().cloned().unwrap_or_default()
        };
        assert_eq!(due("2030-03-17T00:00:00Z"), "");
        assert!(due("2030-03-18T00:00:00Z").contains("expires in 14d (2030-04-01T00:00:00"));
        assert_eq!(due("2030-03-18T23:59:59Z"), "");
        assert!(due("2030-03-19T00:00:00Z").contains("hooks.example expires in 13d"));
        assert!(
            due("2030-03-18T12:00:00Z").contains("expires in"),
            "set back"
        );
        assert!(due("2030-04-01T00:00:00Z").contains("expired for 0s"));
        assert!(due("2029-12-31T00:00:00Z").contains("in force only in 1d"));
    }

    #[test]
    fn status_shows_names_end_and_state() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest(folder.path());
        let shown =
            |now, key: &str| certificates_json(&manifest, at(now))["hooks.example"][key].clone();
        assert_eq!(shown("2030-01-02T00:00:00Z", "state"), "in force");
        assert_eq!(shown("2030-01-02T00:00:00Z", "days_left"), 89);
        assert_eq!(shown("2030-03-20T00:00:00Z", "state"), "expires soon");
        assert_eq!(shown("2030-05-01T00:00:00Z", "state"), "expired");
        assert_eq!(shown("2030-05-01T00:00:00Z", "days_left"), 0);
        assert_eq!(shown("2029-05-01T00:00:00Z", "state"), "not yet valid");
        assert_eq!(
            shown("2030-01-02T00:00:00Z", "names"),
            json!(["hooks.example"])
        );
        let end = shown("2030-01-02T00:00:00Z", "not_after_ms");
        assert_eq!(end, json!(at("2030-04-01T00:00:00Z")));
    }
}
