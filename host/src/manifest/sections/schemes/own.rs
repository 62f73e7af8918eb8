//! All own schemes of a manifest, and which of them sources use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tollgate_scheme::{Template, TemplateError};

use super::template::template;
use crate::manifest::table::{Context, Fields, check_name};
use crate::manifest::text::tree::{Key, Node, Span, Value};

/// The manifest's own schemes.
#[derive(Default)]
pub(crate) struct OwnSchemes {
    /// The places and the descriptions. `None` for a description with mistakes.
    by_name: BTreeMap<String, (Span, Option<Arc<Template>>)>,
    used: BTreeSet<String>,
}

impl OwnSchemes {
    /// The names of the schemes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The description of a scheme, which counts as used from now on. `None` if there is no such
    /// scheme, `Some(None)` if the description has mistakes.
    pub(crate) fn use_scheme(&mut self, name: &str) -> Option<Option<Arc<Template>>> {
        let (_, template) = self.by_name.get(name)?;
        self.used.insert(name.to_owned());
        Some(template.clone())
    }

    /// The descriptions without mistakes, by name.
    pub(crate) fn into_templates(self) -> BTreeMap<String, Arc<Template>> {
        let named = self.by_name.into_iter();
        named
            .filter_map(|(name, (_, template))| Some((name, template?)))
            .collect()
    }

    /// Warns about schemes that no source uses.
    pub(crate) fn warn_unused(&self, cx: &mut Context<'_>) {
        for (name, (at, _)) in &self.by_name {
            if !self.used.contains(name) {
                cx.diagnostics
                    .warn(at, format!("no source uses the scheme `{name}`"));
            }
        }
    }
}

/// Every scheme in the manifest.
pub(crate) fn schemes(cx: &mut Context<'_>, node: Option<&Node>) -> OwnSchemes {
    let mut schemes = OwnSchemes::default();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`schemes`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        if tollgate_scheme::names().any(|known| known == key.name) {
            let message = format!("`{}` is a built-in scheme", key.name);
            cx.diagnostics
                .wrong_value(&key.span, message, "choose another name");
        } else {
            check_name(cx, key, "a scheme");
        }
        let before = cx.diagnostics.mistake_count();
        let template = template(cx, key, node).filter(|_| cx.diagnostics.mistake_count() == before);
        let template = template.filter(|template| {
            let mistakes = template.check();
            mistakes.iter().for_each(|mistake| {
                report(cx, key, node, mistake);
            });
            mistakes.is_empty()
        });
        let entry = (key.span.clone(), template.map(Arc::new));
        schemes.by_name.insert(key.name.clone(), entry);
    }
    schemes
}

/// Reports a mistake in a description, at the key with the mistake. If that key is missing, the
/// place is the table around the key.
fn report(cx: &mut Context<'_>, key: &Key, node: &Node, mistake: &TemplateError) {
    let (mut at, mut within) = (&key.span, Some(node));
    for part in mistake.key.split('.') {
        let Value::Table(table) = within.map_or(&Value::Datetime, |node| &node.value) else {
            break;
        };
        within = table.get(part).map(|(_, node)| node);
        at = within.map_or(at, |node| &node.span);
    }
    cx.diagnostics.wrong_context(at, mistake.to_string(), ());
}
