//! `redirect` of `[server]`: a listener that sends plain HTTP to HTTPS.

use super::address::address;
use crate::manifest::defaults::{self, PORT};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Value;
use crate::settings::Redirect;

pub(super) const REDIRECT: TableSchema = TableSchema {
    name: "`redirect`",
    keys: &["listen", "port"],
    unsupported: &[],
    instead: &[],
};

/// The listener, if the manifest wants one: an address, or a table with an address.
pub(crate) fn redirect(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Redirect> {
    let node = fields.get("redirect")?;
    if fields.get("tls").is_none() {
        let message = "`redirect` needs `tls`: without TLS there is nothing to send peers to";
        let help = "write tls = { … }, or remove `redirect`";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    if !matches!(node.value, Value::Table(_)) {
        let (listen, at) = address(cx, fields, "redirect", defaults::REDIRECT);
        at?;
        return Some(Redirect { listen, port: None });
    }
    let table = Fields::read(cx, node, &node.span, &REDIRECT)?;
    table.need(cx, "listen", "write listen = \"0.0.0.0:80\"")?;
    let (listen, _) = address(cx, &table, "listen", defaults::REDIRECT);
    let port = table.get("port").is_some();
    Some(Redirect {
        listen,
        port: port.then(|| table.count(cx, "port", &PORT)),
    })
}
