//! `[server]`: the listeners with their limits, and the tokens of the admin service.

use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_base::secret::Secret;

use super::address::address;
use super::admin_tokens::{admin_tokens, token_of_commands};
use super::backlog::backlog;
use super::networks::networks;
use super::per_address::per_address;
use super::proxies::proxy_protocol;
use super::redirect::redirect;
use super::strict::strict;
use super::tls::{asks_for_certificates, tls};
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema, expected};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::{AdminToken, BacklogLimits, Network, Server, Tls};

pub(super) const SERVER: TableSchema = TableSchema {
    name: "`[server]`",
    keys: &[
        "listen",
        "admin",
        "admin_token",
        "admin_tokens",
        "backlog",
        "body_limit",
        "header_timeout",
        "body_timeout",
        "idle_timeout",
        "connections",
        "shutdown_timeout",
        "memory",
        "per_address",
        "tls",
        "redirect",
        "trusted_proxies",
        "proxy_protocol",
        "require_https",
        "strict",
    ],
    unsupported: &[],
    instead: &[],
};

/// The settings of `[server]`.
pub(crate) struct ServerSection {
    pub(crate) server: Server,
    pub(crate) admin_tokens: Vec<AdminToken>,
    pub(crate) backlog: BacklogLimits,
    pub(crate) tls: Option<Tls>,
    /// Whether peers are asked for certificates, perhaps with a mistake in how.
    pub(crate) asks_for_certificates: bool,
}

/// The settings of `[server]`.
pub(crate) fn server(cx: &mut Context<'_>, node: Option<&Node>) -> ServerSection {
    let fields = Fields::section(cx, node, &SERVER);
    let before = cx.diagnostics.mistake_count();
    let tokens = admin_tokens(cx, &fields);
    // A token with a mistake counts as a token: the user has written one.
    let guarded = !tokens.is_empty() || cx.diagnostics.mistake_count() > before;
    let server = listeners(cx, &fields, guarded);
    warn_of_plain_http(cx, node, &fields, &server);
    ServerSection {
        server,
        admin_tokens: tokens,
        backlog: backlog(cx, fields.get("backlog")),
        tls: tls(cx, &fields),
        asks_for_certificates: asks_for_certificates(fields.get("tls")),
    }
}

/// The address of the admin service and the token of commands on this machine, whatever the rest of
/// `[server]` has. If the caller has a token, none is read.
pub(crate) fn admin(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    has_token: bool,
) -> (SocketAddr, Option<Secret>) {
    let default = defaults::ADMIN.parse().expect("the default is an address");
    let at = node.map_or(0..0, |node| node.span.clone());
    let fields = node.and_then(|node| Fields::open(cx, node, &at, SERVER.name));
    let Some(fields) = fields else {
        return (default, None);
    };
    let (admin, _) = address(cx, &fields, "admin", defaults::ADMIN);
    let token = match has_token {
        true => None,
        false => token_of_commands(cx, &fields),
    };
    (admin, token)
}

/// Warns of plain HTTP that strangers on the way can read. A proxy that is trusted is taken for one
/// that ends TLS.
fn warn_of_plain_http(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    fields: &Fields<'_>,
    server: &Server,
) {
    let private = server.listen.ip().to_canonical().is_loopback();
    if private || fields.get("tls").is_some() || !server.trusted_proxies.is_empty() {
        return;
    }
    let at = fields
        .get("listen")
        .or(node)
        .map_or(0..0, |node| node.span.clone());
    let message = format!(
        "events come by plain HTTP to {}: write `tls`, or name the proxy that ends TLS in \
         `trusted_proxies`, or listen on loopback",
        server.listen
    );
    cx.diagnostics.warn(&at, message);
}

/// The listeners and their limits. `guarded` says whether the manifest has a token of the admin
/// service.
fn listeners(cx: &mut Context<'_>, fields: &Fields<'_>, guarded: bool) -> Server {
    let (listen, listen_at) = address(cx, fields, "listen", defaults::LISTEN);
    let (admin, admin_at) = address(cx, fields, "admin", defaults::ADMIN);
    if let Some(at) = &admin_at
        && !admin.ip().to_canonical().is_loopback()
        && !guarded
    {
        let message = "`admin` is not a loopback address, so `[server]` needs `admin_token`";
        let help = "write admin_token = \"${NAME}\", or admin = \"127.0.0.1:8081\"";
        cx.diagnostics.wrong_value(at, message, help);
    }
    let same_port = listen.port() == admin.port() && listen.port() != 0;
    if same_port && (listen.ip() == admin.ip() || listen.ip().is_unspecified()) {
        let at = admin_at.or(listen_at).unwrap_or(0..0);
        let message = format!("`listen` and `admin` have the same port {}", admin.port());
        cx.diagnostics
            .wrong_context(&at, message, "write two different ports");
    }
    let trusted_proxies: Arc<[Network]> = networks(cx, fields, "trusted_proxies").into();
    let require_https = require_https(cx, fields, &trusted_proxies);
    Server {
        listen,
        admin,
        body_limit: fields.size(cx, "body_limit", &defaults::BODY_LIMIT),
        header_timeout: fields.duration(cx, "header_timeout", &defaults::HEADER_TIMEOUT),
        body_timeout: fields.duration(cx, "body_timeout", &defaults::BODY_TIMEOUT),
        idle_timeout: fields.duration(cx, "idle_timeout", &defaults::IDLE_TIMEOUT),
        connections: fields.count(cx, "connections", &defaults::CONNECTIONS),
        shutdown_timeout: fields.duration(cx, "shutdown_timeout", &defaults::SHUTDOWN_TIMEOUT),
        memory: fields.size(cx, "memory", &defaults::SERVER_MEMORY),
        per_address: per_address(cx, fields.get("per_address"), listen, &trusted_proxies),
        redirect: redirect(cx, fields),
        proxy_protocol: proxy_protocol(cx, fields, &trusted_proxies),
        trusted_proxies,
        require_https,
        strict: strict(cx, fields, listen),
    }
}

/// Whether requests must come by HTTPS. Without a trusted proxy every request would be refused.
fn require_https(cx: &mut Context<'_>, fields: &Fields<'_>, trusted_proxies: &[Network]) -> bool {
    const HELP: &str =
        "write require_https = true, and trusted_proxies = [\"10.0.0.0/8\"] beside it";
    let Some(node) = fields.get("require_https") else {
        return false;
    };
    if matches!(node.value, Value::Table(_)) {
        cx.diagnostics.allow_quote(node);
        expected(cx, node, "`require_https`", "true or false", HELP);
        return false;
    }
    let required = fields.flag(cx, "require_https", false);
    let known = ["trusted_proxies", "tls"].map(|key| fields.get(key).is_some());
    if required && trusted_proxies.is_empty() && known == [false; 2] {
        let message = "`require_https` needs `trusted_proxies` or `tls`: only a proxy or TLS here can \
                       tell that a request came by HTTPS";
        cx.diagnostics.wrong_context(&node.span, message, HELP);
    }
    required
}
