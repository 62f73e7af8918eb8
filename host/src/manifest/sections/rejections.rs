//! `rejections` of `[ledger]`: which refused requests are kept.

use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::RejectionSettings;

pub(super) const REJECTIONS: TableSchema = TableSchema {
    name: "`rejections`",
    keys: &["keep", "retention", "body"],
    unsupported: &[],
    instead: &[],
};

/// `rejections` of `[ledger]`.
pub(crate) fn rejections(cx: &mut Context<'_>, node: Option<&Node>) -> RejectionSettings {
    let fields = Fields::section(cx, node, &REJECTIONS);
    RejectionSettings {
        keep: fields.count(cx, "keep", &defaults::REJECTIONS),
        retention: fields.duration(cx, "retention", &defaults::REJECTION_RETENTION),
        body: fields.size(cx, "body", &defaults::REJECTION_BODY),
    }
}
