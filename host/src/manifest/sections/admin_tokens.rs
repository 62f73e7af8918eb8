//! `admin_token` and `[[server.admin_tokens]]`: the tokens of the admin service.

use tollgate_base::secret::{Secret, equal};

use crate::manifest::defaults;
use crate::manifest::table::{
    Context, Fields, ReadSecret, TableSchema, Variants, check_name, secret,
};
use crate::manifest::text::tree::{Key, Node};
use crate::settings::{ADMIN, AdminToken, Role};

pub(super) const TOKEN: TableSchema = TableSchema {
    name: "a token of the admin service",
    keys: &["name", "token", "role"],
    unsupported: &[],
    instead: &[("secret", "did you mean `token`?")],
};

const ROLES: Variants<Role> = &[("read", Role::Read), ("operate", Role::Operate)];

/// The tokens of the admin service, `admin_token` first.
pub(crate) fn admin_tokens(cx: &mut Context<'_>, server: &Fields<'_>) -> Vec<AdminToken> {
    let only = admin_token(cx, server).map(|token| AdminToken {
        name: ADMIN.into(),
        token,
        role: Role::Operate,
    });
    let mut tokens: Vec<_> = only.into_iter().collect();
    let nodes = server.array(
        cx,
        "admin_tokens",
        "write [[server.admin_tokens]] with two brackets",
    );
    for node in nodes.unwrap_or_default() {
        if let Some(fields) = Fields::read(cx, node, &node.span, &TOKEN)
            && let Some(token) = named_token(cx, &fields, &tokens)
        {
            tokens.push(token);
        }
    }
    tokens
}

/// The token that commands on this machine present: `admin_token`, or the first token that may
/// operate, or the first one. Reads no token that is not needed: its variable may not be set here.
pub(crate) fn token_of_commands(cx: &mut Context<'_>, server: &Fields<'_>) -> Option<Secret> {
    if server.get("admin_token").is_some() {
        return admin_token(cx, server);
    }
    let tokens = admin_tokens(cx, server);
    let operates = |token: &AdminToken| token.role == Role::Operate;
    let at = tokens.iter().position(operates).unwrap_or(0);
    tokens.into_iter().nth(at).map(|token| token.token)
}

fn named_token(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    others: &[AdminToken],
) -> Option<AdminToken> {
    let name = name(cx, fields, others);
    let role = fields.need(cx, "role", "write role = \"read\" or role = \"operate\"");
    let role = role.and_then(|_| fields.variant(cx, "role", ROLES, None));
    let node = fields.need(cx, "token", "write token = \"${NAME}\"");
    let token = node.and_then(|node| {
        let read = secret(cx, node, "`token`")?;
        let token = long_enough(cx, node, "token", read);
        let same = |other: &&AdminToken| equal(other.token.expose(), token.expose());
        if let Some(other) = others.iter().find(same) {
            let message = format!("the token is the same as that of `{}`", other.name);
            let help = "make a token with `openssl rand -hex 32`";
            cx.diagnostics.wrong_value(&node.span, message, help);
        }
        Some(token)
    });
    Some(AdminToken {
        name: name?.into(),
        token: token?,
        role: role?,
    })
}

/// The name of a token. Records say who by this name, so that no two tokens may have it.
fn name<'t>(cx: &mut Context<'_>, fields: &Fields<'t>, others: &[AdminToken]) -> Option<&'t str> {
    fields.need(cx, "name", "write name = \"…\": records have this name")?;
    let (name, node) = fields.text(cx, "name")?;
    let key = Key {
        name: name.to_owned(),
        span: node.span.clone(),
    };
    if !check_name(cx, &key, "a token") {
        return None;
    }
    if others.iter().any(|other| &*other.name == name) {
        let message = format!("two tokens have the name `{name}`");
        cx.diagnostics
            .wrong_value(&node.span, message, "choose another name");
    }
    Some(name)
}

/// `admin_token`.
fn admin_token(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Secret> {
    let node = fields.get("admin_token")?;
    let read = secret(cx, node, "`admin_token`")?;
    Some(long_enough(cx, node, "admin_token", read))
}

/// The token. A short one is a mistake, because somebody could guess it.
fn long_enough(cx: &mut Context<'_>, node: &Node, key: &str, read: ReadSecret) -> Secret {
    read.warn_if_literal(cx, &node.span);
    if read.secret.expose().len() < defaults::MIN_ADMIN_TOKEN {
        let message = format!(
            "`{key}` is shorter than {} bytes",
            defaults::MIN_ADMIN_TOKEN
        );
        let help = "make a token with `openssl rand -hex 32`";
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    read.secret
}
