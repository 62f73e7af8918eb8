//! `[server]`: the listeners with their limits, and the admin token.

use std::net::SocketAddr;
use std::sync::Arc;

use tollgate_base::secret::Secret;

use super::address::address;
use super::backlog::backlog;
use super::networks::networks;
use super::per_address::per_address;
use super::proxies::proxy_protocol;
use super::redirect::redirect;
use super::strict::strict;
use super::tls::{asks_for_certificates, tls};
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema, expected, secret};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::{BacklogLimits, Network, Server, Tls};

const SERVER: TableSchema = TableSchema {
    name: "`[server]`",
    keys: &[
        "listen",
        "admin",
        "admin_token",
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
    pub(crate) admin_token: Option<Secret>,
    pub(crate) backlog: BacklogLimits,
    pub(crate) tls: Option<Tls>,
    /// Whether peers are asked for certificates, perhaps with a mistake in how.
    pub(crate) asks_for_certificates: bool,
}

/// The settings of `[server]`.
pub(crate) fn server(cx: &mut Context<'_>, node: Option<&Node>) -> ServerSection {
    let fields = Fields::section(cx, node, &SERVER);
    let before = cx.diagnostics.mistake_count();
    let token = admin_token(cx, &fields);
    // A token with a mistake counts as a token: the user has written one.
    let guarded = token.is_some() || cx.diagnostics.mistake_count() > before;
    let server = listeners(cx, &fields, guarded);
    warn_of_plain_http(cx, node, &fields, &server);
    ServerSection {
        server,
        admin_token: token,
        backlog: backlog(cx, fields.get("backlog")),
        tls: tls(cx, &fields),
        asks_for_certificates: asks_for_certificates(fields.get("tls")),
    }
}

/// The address and the token of the admin service, whatever the rest of `[server]` has. Without a
/// need for the token, it is not read.
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
        false => admin_token(cx, &fields),
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

/// The listeners and their limits. `guarded` says whether the manifest has an admin token.
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

/// The token of the admin service. A short token is a mistake, because somebody could guess it.
fn admin_token(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Secret> {
    let node = fields.get("admin_token")?;
    let read = secret(cx, node, "`admin_token`")?;
    read.warn_if_literal(cx, &node.span);
    let secret = read.secret;
    if secret.expose().len() < defaults::MIN_ADMIN_TOKEN {
        let message = format!(
            "`admin_token` is shorter than {} bytes",
            defaults::MIN_ADMIN_TOKEN
        );
        let help = "make a token with `openssl rand -hex 32`";
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    Some(secret)
}
