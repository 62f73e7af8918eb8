//! From the text of a manifest to its settings, with every mistake in one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_base::files::read_regular_text;
use tollgate_ledger::Retention;
use tollgate_scheme::Template;

use super::mistakes::Mistakes;
use super::sections::{
    alerts, handlers, ledger, outbox, plugins, reload, retention, root, routes, schemes, server,
    sources,
};
use super::table::{Context, Fields, expected};
use super::text::tree::{self, Node, Span, Value};
use crate::settings::{Contact, Manifest};

/// The most bytes of a manifest's file.
pub(crate) const MAX_SIZE: usize = 16 << 20;

/// The settings of the manifest in this file. `env` gives the values of environment variables.
///
/// # Errors
/// Every mistake in the manifest, or the reason why the file cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Manifest, Mistakes> {
    parse(&read(path)?, path, env)
}

fn read(path: &Path) -> Result<String, Mistakes> {
    read_regular_text(path, MAX_SIZE)
        .map_err(|error| Mistakes::of_file(path, format!("the manifest cannot be read: {error}")))
}

/// The settings of a manifest with this text in the file `origin`.
///
/// Messages name `origin`. Relative paths begin at the folder of `origin`. The files of secrets are
/// read.
///
/// # Errors
/// Every mistake in the text.
pub fn parse(
    text: &str,
    origin: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest, Mistakes> {
    let (root, syntax_errors) = tree::parse(text);
    let mut cx = Context::new(origin, env);
    let mut manifest = manifest(&mut cx, &root);
    match cx.diagnostics.finish(text, origin, &root, syntax_errors) {
        Ok(warnings) => {
            manifest.secret_files = cx.secret_files;
            manifest.warnings = warnings;
            Ok(manifest)
        }
        Err(mistakes) => Err(mistakes.with_secret_files(cx.secret_files)),
    }
}

/// The schemes in `[schemes.NAME]` of a manifest's text, by name.
///
/// The rest of the text is not validated, so this function needs no environment and no files.
///
/// # Errors
/// Every mistake in the schemes.
pub fn own_schemes(text: &str, origin: &Path) -> Result<BTreeMap<String, Arc<Template>>, Mistakes> {
    let (root, syntax_errors) = tree::parse(text);
    let mut cx = Context::new(origin, &|_| None);
    let fields = root_fields(&mut cx, &root);
    let schemes = schemes::schemes(&mut cx, fields.get("schemes"));
    cx.diagnostics.finish(text, origin, &root, syntax_errors)?;
    Ok(schemes.into_templates())
}

/// Where the gateway of the manifest in this file is found.
///
/// The rest of the file may have mistakes, and may name secrets that are not set. With
/// `has_token`, the caller has an admin token, and the manifest's is not read.
///
/// # Errors
/// The file cannot be read, or the mistakes in `admin`, in the tokens of the admin service and in
/// the ledger's `url`.
pub fn contact(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    has_token: bool,
) -> Result<Contact, Mistakes> {
    let text = read(path)?;
    let (root, syntax_errors) = tree::parse(&text);
    let mut cx = Context::new(path, env);
    let part = |name| match &root.value {
        Value::Table(table) => table.get(name).map(|(_, node)| node),
        _ => None,
    };
    let (admin, admin_token) = server::admin(&mut cx, part("server"), has_token);
    let ledger = ledger::file(&mut cx, part("ledger"));
    cx.diagnostics.finish(&text, path, &root, syntax_errors)?;
    Ok(Contact {
        admin,
        admin_token,
        ledger: ledger.path,
    })
}

/// The file of the ledger of a manifest that has mistakes, also in its syntax. A text without a
/// `url` that can be read names the default file.
///
/// # Errors
/// The mistakes of the `url`, such as a variable that is not set.
pub(crate) fn ledger_file(
    text: &str,
    origin: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<PathBuf, Mistakes> {
    let (root, _) = tree::parse(text);
    let mut cx = Context::new(origin, env);
    let section = match &root.value {
        Value::Table(table) => table.get("ledger").map(|(_, node)| node),
        _ => None,
    };
    let ledger = ledger::file(&mut cx, section);
    cx.diagnostics.finish(text, origin, &root, Vec::new())?;
    Ok(ledger.path)
}

fn root_fields<'t>(cx: &mut Context<'_>, root: &'t Node) -> Fields<'t> {
    Fields::read(cx, root, &first_key(root), &root::ROOT)
        .expect("the root of a TOML text is a table")
}

fn manifest(cx: &mut Context<'_>, root: &Node) -> Manifest {
    let fields = root_fields(cx, root);
    version(cx, &fields);
    let server::ServerSection {
        server,
        admin_tokens,
        backlog,
        tls,
        asks_for_certificates,
    } = server::server(cx, fields.get("server"));
    let plugins = plugins::plugins(cx, fields.get("plugins"));
    let ledger::LedgerSection {
        ledger,
        events,
        rejections,
    } = ledger::ledger(cx, fields.get("ledger"));
    let mut schemes = schemes::schemes(cx, fields.get("schemes"));
    let sources = sources::sources(
        cx,
        fields.get("sources"),
        &mut schemes,
        (server.body_limit, asks_for_certificates),
        events,
    );
    schemes.warn_unused(cx);
    let handlers = handlers::handlers(cx, fields.get("handlers"), &plugins);
    let of_handlers = retention::of_handlers(cx, fields.get("handlers"), events);
    let routes = routes::routes(cx, &fields);
    let alerts = alerts::alerts(cx, &fields, &sources, &handlers);
    Manifest {
        ledger,
        rejections,
        retention: Arc::new(Retention {
            events,
            sources: sources
                .iter()
                .map(|(name, source)| (name.clone(), source.retention.clone()))
                .chain(of_handlers)
                .collect(),
        }),
        reload: reload::reload(cx, fields.get("reload")),
        outbox: outbox::outbox(cx, fields.get("outbox"), &handlers),
        server,
        admin_tokens: admin_tokens.into(),
        tls: tls.map(Arc::new),
        backlog,
        plugins,
        sources,
        handlers,
        routes,
        alerts: Arc::new(alerts),
        secret_files: Vec::new(),
        warnings: Vec::new(),
    }
}

/// The place of the first key in the text.
pub(super) fn first_key(root: &Node) -> Span {
    match &root.value {
        Value::Table(table) => table
            .entries
            .first()
            .map_or(0..0, |(key, _)| key.span.clone()),
        _ => 0..0,
    }
}

fn version(cx: &mut Context<'_>, fields: &Fields<'_>) {
    const HELP: &str = "write `version = 1` as the first line";
    let Some(node) = fields.need(cx, "version", HELP) else {
        return;
    };
    cx.diagnostics.allow_quote(node);
    match node.value {
        Value::Integer(Some(1)) => {}
        Value::Integer(_) => {
            let message = "this tollgate reads only manifests of version 1";
            cx.diagnostics
                .wrong_value(&node.span, message, "write `version = 1`");
        }
        _ => expected(cx, node, "`version`", "a number", HELP),
    }
}
