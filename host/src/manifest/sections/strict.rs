//! `strict` of `[server]`: true or false for all rules, or a table with a rule each.

use std::net::SocketAddr;

use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::Strict;

pub(super) const STRICT: TableSchema = TableSchema {
    name: "`strict`",
    keys: &[
        "length_and_encoding",
        "other_encoding",
        "bare_lf",
        "host",
        "other_host",
    ],
    unsupported: &[],
    instead: &[],
};

/// The rules. A rule that is not named is on beyond loopback.
pub(crate) fn strict(cx: &mut Context<'_>, server: &Fields<'_>, listen: SocketAddr) -> Strict {
    let default = Strict::at(listen.ip());
    let node: Option<&Node> = server.get("strict");
    if let Some(node) = node
        && !matches!(node.value, Value::Table(_))
    {
        let all = server.flag(cx, "strict", default == Strict::ON);
        return if all { Strict::ON } else { Strict::OFF };
    }
    let fields = Fields::section(cx, node, &STRICT);
    Strict {
        length_and_encoding: fields.flag(cx, "length_and_encoding", default.length_and_encoding),
        other_encoding: fields.flag(cx, "other_encoding", default.other_encoding),
        bare_lf: fields.flag(cx, "bare_lf", default.bare_lf),
        host: fields.flag(cx, "host", default.host),
        other_host: fields.flag(cx, "other_host", default.other_host),
    }
}
