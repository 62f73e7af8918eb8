//! Sources as they are understood.

use serde_json::{Value, json};

use super::value::{SECRET, size, table, text, texts};
use crate::settings::{ClientCertificate, Resolve, Source};
use tollgate_base::quantity::show_duration;
use tollgate_base::rfc3339;
use tollgate_ledger::SourceRetention;
use tollgate_scheme::{DedupChoice, OnUnreadable, SECRET_PARAMS};

impl Source {
    /// The source as it is understood, with secrets masked.
    pub fn shown(&self) -> Value {
        let settings = &self.settings;
        let mut shown = table([
            ("path", text(&self.path)),
            ("scheme", text(&self.verifier.scheme())),
            ("secrets", Some(self.shown_secrets())),
            (
                "tolerance",
                settings.tolerance.map(|of| show_duration(of).into()),
            ),
            ("url", settings.url.clone().map(Value::from)),
            ("livemode", settings.livemode.map(Value::from)),
            ("on_unreadable", Some(on_unreadable(settings.on_unreadable))),
            (
                "allow_from",
                self.allow_from.as_ref().map(|from| texts(&from.networks)),
            ),
            ("body_limit", size(self.body_limit)),
            (
                "client_certificate",
                self.client_certificate.as_ref().map(certificate),
            ),
            ("dedup", Some(self.shown_dedup())),
            ("erase", erase(&self.retention)),
            ("resolve", self.resolve.as_ref().map(resolve)),
        ]);
        for (name, value) in &settings.params {
            let is_secret = SECRET_PARAMS.contains(&name.as_str());
            shown[name] = if is_secret { SECRET } else { value }.into();
        }
        shown
    }

    fn shown_secrets(&self) -> Value {
        let secrets = self.settings.secrets.iter();
        let shown = secrets.map(|secret| {
            let expires = secret.expires.map(|at| rfc3339::format(at).into());
            table([("value", text(&SECRET)), ("expires", expires)])
        });
        shown.collect()
    }

    fn shown_dedup(&self) -> Value {
        let keys = self.retention.keys.map(show_duration);
        let by = self.settings.dedup_by.map(|by| match by {
            DedupChoice::Id => "id",
            DedupChoice::Bytes => "bytes",
        });
        table([
            ("keep", text(&keys.as_deref().unwrap_or("forever"))),
            ("by", by.map(Value::from)),
            ("twins", self.twins.then(|| true.into())),
        ])
    }
}

fn on_unreadable(choice: OnUnreadable) -> Value {
    match choice {
        OnUnreadable::Record => "record".into(),
        OnUnreadable::Refuse => "refuse".into(),
    }
}

fn certificate(certificate: &ClientCertificate) -> Value {
    match certificate {
        ClientCertificate::Any => "required".into(),
        ClientCertificate::Of(names) => json!(names),
    }
}

fn erase(retention: &SourceRetention) -> Option<Value> {
    let erase = retention.erase.as_ref()?;
    let pointers = (!erase.pointers.is_empty()).then(|| json!(erase.pointers));
    Some(table([
        ("after", text(&show_duration(erase.after))),
        ("pointers", pointers),
        ("logs", Some(erase.logs.into())),
    ]))
}

fn resolve(resolve: &Resolve) -> Value {
    let addresses = (!resolve.addresses.is_empty()).then(|| texts(&resolve.addresses));
    table([
        ("key", text(&SECRET)),
        ("version", text(&resolve.version)),
        ("object", Some(resolve.object.into())),
        ("event", Some(resolve.event.into())),
        ("host", text(&resolve.origin)),
        ("addresses", addresses),
        ("rate", text(&resolve.rate)),
        ("timeout", text(&show_duration(resolve.timeout))),
        ("answer_limit", size(resolve.answer_limit)),
    ])
}
