//! `proxy_protocol` of `[server]`: whether proxies tell their clients before the first byte.

use crate::manifest::table::{Context, Fields};
use crate::settings::Network;

const NETWORKS: &str = "write trusted_proxies = [\"10.0.0.0/8\"]";

/// Whether connections begin with a header of the PROXY protocol. Without trusted proxies that is
/// a mistake, because every connection would be refused.
pub(crate) fn proxy_protocol(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    trusted_proxies: &[Network],
) -> bool {
    let wanted = fields.flag(cx, "proxy_protocol", false);
    if let Some(node) = fields.get("proxy_protocol")
        && wanted
        && trusted_proxies.is_empty()
    {
        let message = "`proxy_protocol` needs `trusted_proxies`: from others, no header counts";
        cx.diagnostics.wrong_context(&node.span, message, NETWORKS);
    }
    wanted
}
