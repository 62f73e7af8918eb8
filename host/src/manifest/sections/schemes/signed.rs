//! What a described scheme signs, and by which algorithms.

use std::collections::BTreeMap;

use tollgate_scheme::{Algorithm, Expectation, OtherSignature, SignatureForm, SignedForms};

use super::names::{ALGORITHMS, LAYOUTS, SIGNATURE_ENCODINGS};
use super::texts::{text, texts};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Value;

pub(in crate::manifest::sections) const SIGNATURE: TableSchema = TableSchema {
    name: "`signature`",
    keys: &[
        "header",
        "at",
        "form",
        "name",
        "separator",
        "equals",
        "prefix",
        "prefix_optional",
        "several",
        "encoding",
    ],
    unsupported: &[],
    instead: &[("algorithm", "write `algorithm` beside `signature`")],
};

pub(in crate::manifest::sections) const OTHER_SIGNATURE: TableSchema = TableSchema {
    name: "one of `other_signatures`",
    keys: &["signature", "algorithm", "signed", "once"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const EXPECTATION: TableSchema = TableSchema {
    name: "one of `expect`",
    keys: &["at", "param"],
    unsupported: &[],
    instead: &[],
};

/// `algorithms`: the algorithms by the names that requests have.
pub(super) fn algorithms(cx: &mut Context<'_>, fields: &Fields<'_>) -> BTreeMap<String, Algorithm> {
    let Some(node) = fields.get("algorithms") else {
        return BTreeMap::new();
    };
    let Some(table) = Fields::open(cx, node, &node.span, "`algorithms`") else {
        return BTreeMap::new();
    };
    let names: Vec<String> = table.entries().map(|(key, _)| key.name.clone()).collect();
    let read = names.into_iter().filter_map(|name| {
        let algorithm = table.variant(cx, &name, ALGORITHMS, None)?;
        Some((name, algorithm))
    });
    read.collect()
}

/// `parts`: named texts.
pub(super) fn parts(cx: &mut Context<'_>, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let node = fields.get("parts");
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`parts`"));
    let mut parts = BTreeMap::new();
    for (key, _) in table.iter().flat_map(Fields::entries) {
        let text = table.as_ref().and_then(|table| text(cx, table, &key.name));
        parts.extend(text.map(|text| (key.name.clone(), text)));
    }
    parts
}

/// `signed`: a text, or a list of texts.
pub(super) fn signed(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<SignedForms> {
    match fields.get("signed")?.value {
        Value::Array(_) => Some(SignedForms(texts(cx, fields, "signed"))),
        _ => text(cx, fields, "signed").map(|text| SignedForms(vec![text])),
    }
}

pub(super) fn other_signatures(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<OtherSignature> {
    const HELP: &str = "write other_signatures = [{ signature = { … } }]";
    let items = fields
        .array(cx, "other_signatures", HELP)
        .unwrap_or_default();
    items
        .iter()
        .filter_map(|node| {
            let fields = Fields::read(cx, node, &node.span, &OTHER_SIGNATURE)?;
            Some(OtherSignature {
                signature: signature(cx, &fields)?,
                algorithm: fields.variant(cx, "algorithm", ALGORITHMS, None),
                signed: signed(cx, &fields),
                once: fields.get("once").map(|_| texts(cx, &fields, "once")),
            })
        })
        .collect()
}

pub(super) fn expect(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<Expectation> {
    const HELP: &str = "write expect = [{ at = \"header:x-key-id\", param = \"key_id\" }]";
    let items = fields.array(cx, "expect", HELP).unwrap_or_default();
    items
        .iter()
        .filter_map(|node| {
            let fields = Fields::read(cx, node, &node.span, &EXPECTATION)?;
            for key in ["at", "param"] {
                fields.need(cx, key, HELP);
            }
            Some(Expectation {
                at: text(cx, &fields, "at")?,
                param: text(cx, &fields, "param")?,
            })
        })
        .collect()
}

pub(super) fn signature(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<SignatureForm> {
    const HELP: &str = "for example: signature = { header = \"x-signature\" }";
    let node = fields.need(cx, "signature", HELP)?;
    let fields = Fields::read(cx, node, &node.span, &SIGNATURE)?;
    let form = SignatureForm {
        header: text(cx, &fields, "header").unwrap_or_default(),
        at: text(cx, &fields, "at"),
        form: fields
            .variant(cx, "form", LAYOUTS, None)
            .unwrap_or_default(),
        name: text(cx, &fields, "name"),
        separator: character(cx, &fields, "separator", ";"),
        equals: character(cx, &fields, "equals", ":"),
        prefix: text(cx, &fields, "prefix"),
        prefix_optional: fields.flag(cx, "prefix_optional", false),
        several: fields.flag(cx, "several", false),
        encoding: fields
            .variant(cx, "encoding", SIGNATURE_ENCODINGS, None)
            .unwrap_or_default(),
    };
    Some(form)
}

/// A text of one character. `example` is one for the help.
fn character(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str, example: &str) -> Option<char> {
    let (text, node) = fields.text(cx, key)?;
    let mut characters = text.chars();
    let one = characters.next().filter(|_| characters.next().is_none());
    if one.is_none() {
        let message = format!("`{key}` must be one character");
        let help = format!("for example: {key} = \"{example}\"");
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    one
}
