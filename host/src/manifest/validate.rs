//! What the manifest means: from the tree to a [`Manifest`], collecting every mistake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::defaults;
use super::fields::{Context, Fields, Keys, expected, plain_text};
use super::raw::{self, Node, Span, Value};
use super::report::{Mistakes, Report};
use super::retry::retry_policy;
use super::secrets::Given;
use super::suggest::nearest;
use super::{backlog, handlers, hosts, retention, routes, schemes, secrets, sources};
use crate::settings::{
    Handler, LedgerSettings, Manifest, OutboxSettings, Plugins, Reload, Server, Watch,
};
use tollgate_base::event::HandlerName;
use tollgate_base::secret::Secret;
use tollgate_ledger::Retention;
use tollgate_scheme::Template;

const ROOT: Keys = Keys {
    of: "the manifest",
    known: &[
        "version", "server", "ledger", "plugins", "reload", "outbox", "schemes", "sources",
        "handlers", "routes",
    ],
    unsupported: &[],
    instead: &[],
};

const SERVER: Keys = Keys {
    of: "`[server]`",
    known: &[
        "listen",
        "admin",
        "admin_token",
        "backlog",
        "body_limit",
        "header_timeout",
        "body_timeout",
        "connections",
        "shutdown_timeout",
    ],
    unsupported: &[
        ("tls", "let a proxy in front of tollgate end TLS"),
        (
            "require_https",
            "let the proxy in front of tollgate refuse plain HTTP",
        ),
    ],
    instead: &[],
};

const LEDGER: Keys = Keys {
    of: "`[ledger]`",
    known: &["url", "retention"],
    unsupported: &[],
    instead: &[("path", "write url = \"sqlite:PATH\"")],
};

const PLUGINS: Keys = Keys {
    of: "`[plugins]`",
    known: &["dir", "memory"],
    unsupported: &[],
    instead: &[],
};

const RELOAD: Keys = Keys {
    of: "`[reload]`",
    known: &["watch", "poll_interval", "debounce"],
    unsupported: &[],
    instead: &[],
};

const OUTBOX: Keys = Keys {
    of: "`[outbox]`",
    known: &["concurrency", "timeout", "retry", "per_host", "hosts"],
    unsupported: &[],
    instead: &[(
        "rate",
        "a rate is kept for each host: write per_host = { rate = \"50/s\" }",
    )],
};

/// Reads and validates a manifest's text.
pub(super) fn manifest(
    text: &str,
    origin: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest, Mistakes> {
    let (root, syntax) = raw::read(text);
    let mut cx = Context {
        folder: origin.parent().unwrap_or(Path::new("")),
        env,
        report: Report::default(),
        secret_files: Vec::new(),
    };
    let mut manifest = build(&mut cx, &root);
    match cx.report.conclude(text, origin, &root, syntax) {
        Ok(warnings) => {
            manifest.secret_files = cx.secret_files;
            manifest.warnings = warnings;
            Ok(manifest)
        }
        Err(mistakes) => Err(mistakes.with_secret_files(cx.secret_files)),
    }
}

/// The schemes that a manifest describes, whatever else it says and without any secret.
pub(super) fn own_schemes(
    text: &str,
    origin: &Path,
) -> Result<BTreeMap<String, Arc<Template>>, Mistakes> {
    let (root, syntax) = raw::read(text);
    let mut cx = Context {
        folder: origin.parent().unwrap_or(Path::new("")),
        env: &|_| None,
        report: Report::default(),
        secret_files: Vec::new(),
    };
    let fields = Fields::read(&mut cx, &root, &first_key(&root), &ROOT)
        .expect("the root of a TOML text is a table");
    let schemes = schemes::schemes(&mut cx, fields.get("schemes"));
    cx.report.conclude(text, origin, &root, syntax)?;
    Ok(schemes.into_templates())
}

fn build(cx: &mut Context<'_>, root: &Node) -> Manifest {
    let fields = Fields::read(cx, root, &first_key(root), &ROOT)
        .expect("the root of a TOML text is a table");
    version(cx, &fields);
    let mut section = |name, keys| Fields::section(cx, fields.get(name), keys);
    let server = section("server", &SERVER);
    let ledger = section("ledger", &LEDGER);
    let plugins = section("plugins", &PLUGINS);
    let reload = section("reload", &RELOAD);
    let outbox = section("outbox", &OUTBOX);
    let before = cx.report.count();
    let admin_token = admin_token(cx, &server);
    let guarded = admin_token.is_some() || cx.report.count() > before;
    let backlog = backlog::backlog(cx, server.get("backlog"));
    let server = read_server(cx, &server, guarded);
    let plugins = read_plugins(cx, &plugins);
    let events = retention::events(cx, &ledger);
    let mut schemes = schemes::schemes(cx, fields.get("schemes"));
    let body_limit = server.body_limit;
    let sources = sources::sources(cx, fields.get("sources"), &mut schemes, body_limit, events);
    schemes.warn_unused(cx);
    let handlers = handlers::handlers(cx, fields.get("handlers"), &plugins);
    let of_handlers = retention::of_handlers(cx, fields.get("handlers"), events);
    let routes = routes::routes(cx, &fields);
    Manifest {
        ledger: read_ledger(cx, &ledger),
        retention: Arc::new(Retention {
            events,
            sources: sources
                .iter()
                .map(|(name, source)| (name.clone(), source.retention.clone()))
                .chain(of_handlers)
                .collect(),
        }),
        reload: read_reload(cx, &reload),
        outbox: read_outbox(cx, &outbox, &handlers),
        server,
        admin_token,
        backlog,
        plugins,
        sources,
        handlers,
        routes,
        secret_files: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Where the text begins to say something.
fn first_key(root: &Node) -> Span {
    match &root.value {
        Value::Table(table) => table
            .entries
            .first()
            .map_or(0..0, |(key, _)| key.span.clone()),
        _ => 0..0,
    }
}

fn version(cx: &mut Context<'_>, fields: &Fields<'_>) {
    const HELP: &str = "write `version = 1` as its first line";
    let Some(node) = fields.need(cx, "version", HELP) else {
        return;
    };
    cx.report.plain(node);
    match node.value {
        Value::Integer(Some(1)) => {}
        Value::Integer(_) => {
            let message = "this tollgate reads manifests of version 1";
            cx.report.wrong(&node.span, message, "write `version = 1`");
        }
        _ => expected(cx, node, "`version`", "a number", HELP),
    }
}

/// `guarded` says whether there is an admin token, or a mistake in it.
fn read_server(cx: &mut Context<'_>, fields: &Fields<'_>, guarded: bool) -> Server {
    let (listen, listen_at) = address(cx, fields, "listen", defaults::LISTEN);
    let (admin, admin_at) = address(cx, fields, "admin", defaults::ADMIN);
    if let Some(at) = &admin_at
        && !admin.ip().to_canonical().is_loopback()
        && !guarded
    {
        let message = "`admin` is no loopback address, so `admin_token` is needed beside it";
        let help = "write admin_token = \"${NAME}\", or admin = \"127.0.0.1:8081\"";
        cx.report.wrong(at, message, help);
    }
    let same_port = listen.port() == admin.port() && listen.port() != 0;
    if same_port && (listen.ip() == admin.ip() || listen.ip().is_unspecified()) {
        let at = admin_at.or(listen_at).unwrap_or(0..0);
        let message = format!("`listen` and `admin` share the port {}", admin.port());
        cx.report.amiss(&at, message, "give each a port of its own");
    }
    Server {
        listen,
        admin,
        body_limit: fields.size(cx, "body_limit", &defaults::BODY_LIMIT),
        header_timeout: fields.duration(cx, "header_timeout", &defaults::HEADER_TIMEOUT),
        body_timeout: fields.duration(cx, "body_timeout", &defaults::BODY_TIMEOUT),
        connections: fields.count(cx, "connections", &defaults::CONNECTIONS),
        shutdown_timeout: fields.duration(cx, "shutdown_timeout", &defaults::SHUTDOWN_TIMEOUT),
    }
}

/// What the admin service wants to see. Shorter ones could be guessed.
fn admin_token(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Secret> {
    let node = fields.get("admin_token")?;
    let Given { secret, literal } = secrets::secret(cx, node, "`admin_token`")?;
    if literal {
        let message = "a secret stands in the manifest; take it from the environment or a file";
        cx.report.warn(&node.span, message);
    }
    if secret.expose().len() < defaults::MIN_ADMIN_TOKEN {
        let message = format!(
            "`admin_token` is shorter than {} bytes",
            defaults::MIN_ADMIN_TOKEN
        );
        let help = "make one with `openssl rand -hex 32`";
        cx.report.wrong(&node.span, message, help);
    }
    Some(secret)
}

/// A socket address, and where it stands unless it is the default.
fn address(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    key: &str,
    default: &str,
) -> (SocketAddr, Option<Span>) {
    let fallback = default.parse().expect("the default is an address");
    let Some((text, node)) = fields.substituted(cx, key) else {
        return (fallback, None);
    };
    match text.parse() {
        Ok(address) => (address, Some(node.span.clone())),
        Err(_) => {
            let message = format!("`{key}` is not an IP address with a port");
            let help = format!("write such as \"{default}\" or \"[::1]:8080\"");
            cx.report.wrong(&node.span, message, help);
            (fallback, None)
        }
    }
}

fn read_ledger(cx: &mut Context<'_>, fields: &Fields<'_>) -> LedgerSettings {
    const SCHEME: &str = "sqlite:";
    let given = fields.substituted(cx, "url");
    let (url, at) = match &given {
        Some((url, node)) => (url.as_str(), Some(&node.span)),
        None => (defaults::LEDGER_URL, None),
    };
    let path = url.strip_prefix(SCHEME);
    if let Some(at) = at
        && let Some((message, help)) = ledger_mistake(url, path)
    {
        cx.report.wrong(at, message, help);
    }
    LedgerSettings {
        path: cx.folder.join(path.unwrap_or_default()),
    }
}

/// What is wrong with the ledger's URL, and what to write instead.
fn ledger_mistake(url: &str, path: Option<&str>) -> Option<(&'static str, &'static str)> {
    const FORM: &str = "write \"sqlite:PATH\", such as \"sqlite:data/tollgate.db\"";
    let Some(path) = path else {
        return Some(
            if url.starts_with("postgres:") || url.starts_with("postgresql:") {
                ("Postgres is not supported by this version", FORM)
            } else {
                ("`url` names no kind of ledger that there is", FORM)
            },
        );
    };
    let file = Path::new(path).file_name().is_some() && !path.ends_with('/');
    if path.starts_with("//") {
        Some(("`url` is not a path behind `sqlite:`", FORM))
    } else if path.starts_with(':') {
        Some((
            "the ledger must be a file, or nothing would be durable",
            FORM,
        ))
    } else if !file || path.contains(['?', '\0']) {
        Some(("`url` does not name a file", FORM))
    } else {
        None
    }
}

fn read_plugins(cx: &mut Context<'_>, fields: &Fields<'_>) -> Plugins {
    let dir = fields.path(cx, "dir").map(|(dir, _)| dir);
    Plugins {
        dir: dir.unwrap_or_else(|| cx.folder.join(PathBuf::from(defaults::PLUGINS_DIR))),
        memory: fields.size_given(cx, "memory", &defaults::PLUGINS_MEMORY),
    }
}

fn read_reload(cx: &mut Context<'_>, fields: &Fields<'_>) -> Reload {
    Reload {
        watch: fields
            .get("watch")
            .and_then(|node| watch(cx, node))
            .unwrap_or(Watch::Events),
        poll_interval: fields.duration(cx, "poll_interval", &defaults::POLL_INTERVAL),
        debounce: fields.duration(cx, "debounce", &defaults::DEBOUNCE),
    }
}

fn watch(cx: &mut Context<'_>, node: &Node) -> Option<Watch> {
    let text = plain_text(cx, node, "`watch`")?;
    match text {
        "events" => Some(Watch::Events),
        "poll" => Some(Watch::Poll),
        "off" => Some(Watch::Off),
        _ => {
            let help = match nearest(text, ["events", "poll", "off"]) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "write \"events\", \"poll\" or \"off\"".to_owned(),
            };
            cx.report
                .wrong(&node.span, "`watch` has no such value", help);
            None
        }
    }
}

fn read_outbox(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    handlers: &BTreeMap<HandlerName, Arc<Handler>>,
) -> OutboxSettings {
    let concurrency = fields.count(cx, "concurrency", &defaults::OUTBOX_CONCURRENCY);
    OutboxSettings {
        concurrency,
        hosts: Arc::new(hosts::hosts(cx, fields, concurrency, handlers)),
        timeout: fields.duration(cx, "timeout", &defaults::OUTBOX_TIMEOUT),
        retry: retry_policy(cx, fields.get("retry"), &defaults::OUTBOX_RETRY),
    }
}
