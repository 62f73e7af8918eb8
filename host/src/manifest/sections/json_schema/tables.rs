//! Where the tables of the manifest are, and what their keys hold beside texts and numbers.

use super::super::{
    acme, admin_tokens, alert_receivers, alerts, allow, backlog, breaker, handlers, hosts, ledger,
    outbox, per_address, plugins, redirect, rejections, reload, resolve, retention, retry, root,
    routes, schemes, server, sources, strict, tls,
};

/// A table of the manifest.
pub(super) struct Reference {
    /// The name of its definition.
    pub(super) name: &'static str,
    keys: &'static [&'static str],
    /// The places on the page whose tables have the keys.
    pub(super) at: &'static [&'static str],
    /// What the keys hold, where the page's type does not say all.
    pub(super) shapes: &'static [(&'static str, Shape)],
    /// What becomes of other keys.
    pub(super) other: Other,
}

/// What a key holds.
pub(super) enum Shape {
    /// A table with this definition.
    Table(&'static str),
    /// An array of such tables.
    Array(&'static str),
    /// A table of such tables, by names.
    Map(&'static str),
    /// A type in the words of the page, or such a table.
    Or(&'static str, &'static str),
    /// A type in the words of the page.
    Kind(&'static str),
    /// The version of the manifest's form.
    Version,
}

/// What becomes of other keys.
pub(super) enum Other {
    /// The parser refuses them.
    Refused,
    /// They are settings of the source's scheme.
    Settings,
}

impl Reference {
    /// The keys that the parser knows.
    pub(super) fn schema_keys(&self) -> &'static [&'static str] {
        self.keys
    }
}

const fn table(
    name: &'static str,
    keys: &'static [&'static str],
    at: &'static [&'static str],
    shapes: &'static [(&'static str, Shape)],
) -> Reference {
    let other = Other::Refused;
    Reference {
        name,
        keys,
        at,
        shapes,
        other,
    }
}

use Shape::{Array, Kind, Map, Or, Table, Version};

/// All tables.
pub(super) const TABLES: &[Reference] = &[
    table(
        "manifest",
        root::ROOT.keys,
        &["The top level"],
        &[
            ("version", Version),
            ("server", Table("server")),
            ("ledger", Table("ledger")),
            ("plugins", Table("plugins")),
            ("reload", Table("reload")),
            ("outbox", Table("outbox")),
            ("schemes", Map("scheme")),
            ("sources", Map("source")),
            ("handlers", Map("handler")),
            ("routes", Array("route")),
            ("alerts", Array("alert")),
            ("alert_receivers", Map("alert_receiver")),
        ],
    ),
    table(
        "server",
        server::SERVER.keys,
        &["[server]"],
        &[
            ("admin_tokens", Array("admin_token")),
            ("backlog", Table("backlog")),
            ("per_address", Table("per_address")),
            ("strict", Or("true or false", "strict")),
            ("tls", Table("tls")),
            ("redirect", Or("address", "redirect")),
        ],
    ),
    table(
        "admin_token",
        admin_tokens::TOKEN.keys,
        &["[[server.admin_tokens]]"],
        &[],
    ),
    table("backlog", backlog::BACKLOG.keys, &["backlog"], &[]),
    table(
        "per_address",
        per_address::PER_ADDRESS.keys,
        &["per_address"],
        &[],
    ),
    table("strict", strict::STRICT.keys, &["strict"], &[]),
    table(
        "redirect",
        redirect::REDIRECT.keys,
        &[],
        &[("listen", Kind("address")), ("port", Kind("1 to 65,535"))],
    ),
    table(
        "tls",
        tls::TLS.keys,
        &["tls"],
        &[
            ("certificates", Array("certificate")),
            ("acme", Table("acme")),
        ],
    ),
    table("certificate", tls::CERTIFICATE.keys, &["tls"], &[]),
    table(
        "acme",
        acme::ACME.keys,
        &["Certificates from an authority"],
        &[
            ("external_account", Table("external_account")),
            ("root", Kind("path")),
        ],
    ),
    table(
        "external_account",
        acme::EXTERNAL_ACCOUNT.keys,
        &[],
        &[("id", Kind("text")), ("key", Kind("secret"))],
    ),
    table(
        "ledger",
        ledger::LEDGER.keys,
        &["[ledger]"],
        &[("url", Kind("URL")), ("rejections", Table("rejections"))],
    ),
    table(
        "rejections",
        rejections::REJECTIONS.keys,
        &["rejections"],
        &[],
    ),
    table("plugins", plugins::PLUGINS.keys, &["[plugins]"], &[]),
    table("reload", reload::RELOAD.keys, &["[reload]"], &[]),
    table(
        "outbox",
        outbox::OUTBOX.keys,
        &["[outbox]"],
        &[
            ("retry", Table("retry")),
            ("per_host", Table("host_limit")),
            ("hosts", Map("host_limit")),
        ],
    ),
    table(
        "host_limit",
        hosts::LIMIT.keys,
        &[],
        &[("concurrency", Kind("1 to 1024")), ("rate", Kind("rate"))],
    ),
    table("retry", retry::RETRY.keys, &["Retry policies"], &[]),
    Reference {
        other: Other::Settings,
        ..table(
            "source",
            sources::SOURCE_KEYS,
            &["[sources.NAME]"],
            &[
                ("path", Kind("path")),
                ("client_certificate", Kind("place")),
                ("dedup", Or("duration, or `\"forever\"`", "source_dedup")),
                ("erase", Table("erase")),
                ("resolve", Table("resolve")),
            ],
        )
    },
    table(
        "source_dedup",
        retention::DEDUP.keys,
        &[],
        &[
            ("keep", Kind("duration, or `\"forever\"`")),
            ("by", Kind("`\"id\"`, `\"bytes\"`")),
            ("twins", Kind("true or false")),
        ],
    ),
    table("erase", retention::ERASE.keys, &["erase"], &[]),
    table("resolve", resolve::RESOLVE.keys, &["resolve"], &[]),
    table(
        "handler",
        handlers::KEYS,
        &["[handlers.NAME]", "Limits on one run."],
        &[
            ("breaker", Or("`false`", "breaker")),
            ("retry", Table("retry")),
            ("allow", Array("allow")),
            ("erase", Table("erase")),
        ],
    ),
    table("breaker", breaker::BREAKER.keys, &["breaker"], &[]),
    table(
        "allow",
        allow::ALLOW.keys,
        &["[[handlers.NAME.allow]]"],
        &[],
    ),
    table("route", routes::ROUTE.keys, &["[[routes]]"], &[]),
    table("alert", alerts::ALERT.keys, &["[[alerts]]"], &[]),
    table(
        "alert_receiver",
        alert_receivers::RECEIVER.keys,
        &["[alert_receivers.NAME]"],
        &[],
    ),
    table(
        "scheme",
        schemes::SCHEME.keys,
        &["[schemes.NAME]"],
        &[
            ("jws", Table("jws")),
            ("algorithm_at", Kind("text")),
            ("algorithms", Kind("table")),
            ("other_keys", Array("other_key")),
            ("signature", Table("signature")),
            ("other_signatures", Array("other_signature")),
            ("timestamp", Table("timestamp")),
            ("signed", Kind("place")),
            ("expect", Array("expectation")),
            ("id", Kind("place")),
            ("kind", Kind("place")),
            ("dedup", Or("place", "scheme_dedup")),
            ("livemode", Table("livemode")),
            ("challenges", Array("challenge")),
            ("answers", Table("answers")),
        ],
    ),
    table(
        "jws",
        schemes::JWS.keys,
        &["jws"],
        &[("header", Kind("text"))],
    ),
    table(
        "signature",
        schemes::SIGNATURE.keys,
        &["signature"],
        &[("at", Kind("text"))],
    ),
    table(
        "other_signature",
        schemes::OTHER_SIGNATURE.keys,
        &[],
        &[
            ("signature", Table("signature")),
            ("algorithm", Kind("text")),
            ("signed", Kind("place")),
            ("once", Kind("array of places")),
        ],
    ),
    table(
        "expectation",
        schemes::EXPECTATION.keys,
        &[],
        &[("at", Kind("text")), ("param", Kind("text"))],
    ),
    table(
        "timestamp",
        schemes::TIMESTAMP.keys,
        &["timestamp"],
        &[
            ("at", Kind("text")),
            ("tolerance", Kind("duration, or `\"none\"`")),
        ],
    ),
    table(
        "other_key",
        schemes::OTHER_KEY.keys,
        &[],
        &[
            ("prefix", Kind("text")),
            ("algorithm", Kind("text")),
            ("encoding", Kind("text")),
            ("name", Kind("text")),
        ],
    ),
    table(
        "scheme_dedup",
        schemes::DEDUP.keys,
        &[],
        &[
            ("body_without", Kind("array of pointers")),
            ("if_there", Kind("place")),
        ],
    ),
    table("challenge", schemes::CHALLENGE.keys, &["challenges"], &[]),
    table(
        "livemode",
        schemes::LIVEMODE.keys,
        &[],
        &[
            ("at", Kind("place")),
            ("live", Kind("array of texts")),
            ("test", Kind("array of texts")),
        ],
    ),
    table(
        "answers",
        schemes::ANSWERS.keys,
        &[],
        &[
            ("accepted", Table("answer")),
            ("duplicate", Table("answer")),
            ("rejected", Table("answer")),
        ],
    ),
    table(
        "answer",
        schemes::ANSWER.keys,
        &[],
        &[
            ("status", Kind("100 to 599")),
            ("body", Kind("text")),
            ("content_type", Kind("text")),
        ],
    ),
];
