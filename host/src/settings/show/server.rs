//! `[server]` as it is understood.

use serde_json::{Value, json};

use super::value::{SECRET, size, table, text, texts};
use crate::settings::{
    Acme, AdminToken, BacklogLimits, Challenge, Manifest, PerAddress, Strict, Tls,
};
use tollgate_base::quantity::show_duration;

impl Manifest {
    pub(super) fn shown_server(&self) -> Value {
        let server = &self.server;
        let redirect = server.redirect.as_ref().map(|redirect| {
            table([
                ("listen", text(&redirect.listen)),
                ("port", redirect.port.map(Value::from)),
            ])
        });
        table([
            ("listen", text(&server.listen)),
            ("admin", text(&server.admin)),
            (
                "admin_tokens",
                Some(self.admin_tokens.iter().map(token).collect()),
            ),
            ("body_limit", size(server.body_limit)),
            (
                "header_timeout",
                text(&show_duration(server.header_timeout)),
            ),
            ("body_timeout", text(&show_duration(server.body_timeout))),
            ("idle_timeout", text(&show_duration(server.idle_timeout))),
            (
                "shutdown_timeout",
                text(&show_duration(server.shutdown_timeout)),
            ),
            ("connections", Some(server.connections.into())),
            ("memory", size(server.memory)),
            ("per_address", Some(per_address(&server.per_address))),
            ("trusted_proxies", Some(texts(&*server.trusted_proxies))),
            ("proxy_protocol", Some(server.proxy_protocol.into())),
            ("require_https", Some(server.require_https.into())),
            ("redirect", redirect),
            ("strict", Some(strict(server.strict))),
            ("backlog", Some(backlog(&self.backlog))),
            ("tls", self.tls.as_ref().map(|of| tls(of))),
        ])
    }
}

fn token(token: &AdminToken) -> Value {
    json!({ "name": &*token.name, "token": SECRET, "role": token.role.name() })
}

fn per_address(limits: &PerAddress) -> Value {
    table([
        ("connections", limits.connections.map(Value::from)),
        (
            "requests",
            limits.requests.as_ref().and_then(|rate| text(rate)),
        ),
        (
            "failures",
            limits.failures.as_ref().and_then(|rate| text(rate)),
        ),
    ])
}

fn strict(strict: Strict) -> Value {
    json!({
        "length_and_encoding": strict.length_and_encoding,
        "other_encoding": strict.other_encoding,
        "bare_lf": strict.bare_lf,
        "host": strict.host,
        "other_host": strict.other_host,
    })
}

fn backlog(limits: &BacklogLimits) -> Value {
    table([
        ("deliveries", limits.deliveries.map(Value::from)),
        ("requests", limits.requests.map(Value::from)),
        ("age", limits.age.map(|age| show_duration(age).into())),
        ("refuse", Some(limits.refuse.into())),
    ])
}

fn tls(tls: &Tls) -> Value {
    let certificates = tls.certificates.iter();
    let certificates = certificates.map(|file| json!({ "cert": file.path.display().to_string() }));
    table([
        ("certificates", Some(certificates.collect())),
        ("acme", tls.acme.as_ref().map(|of| acme(of))),
        // The file is read once; its certificates count, and not its name.
        ("client_ca", tls.client_ca.as_ref().map(|_| true.into())),
    ])
}

fn acme(acme: &Acme) -> Value {
    let challenge = match acme.challenge {
        Challenge::TlsAlpn01 => "tls-alpn-01",
        Challenge::Http01 => "http-01",
    };
    let account = acme.external_account.as_ref();
    table([
        ("domains", Some(json!(acme.domains))),
        ("contact", Some(json!(acme.contact))),
        ("directory", text(&acme.directory)),
        ("challenge", text(&challenge)),
        (
            "external_account",
            account.map(|account| json!({ "id": account.id, "key": SECRET })),
        ),
    ])
}
