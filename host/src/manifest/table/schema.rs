//! The keys that a table may have.

use tollgate_base::suggest::nearest;

use super::context::Context;
use super::words::listed;
use crate::manifest::text::tree::Key;

/// The keys that a table may have.
pub(crate) struct TableSchema {
    /// The name of the table in messages, such as "a handler".
    pub(crate) name: &'static str,
    /// The keys.
    pub(crate) keys: &'static [&'static str],
    /// Keys of other versions, with the help.
    pub(crate) unsupported: &'static [(&'static str, &'static str)],
    /// Keys that no version has but that many users expect, with the help.
    pub(crate) instead: &'static [(&'static str, &'static str)],
}

impl TableSchema {
    /// Reports a key that this table does not have, and suggests another.
    pub(super) fn report_unknown_key(&self, cx: &mut Context<'_>, key: &Key) {
        let name = &key.name;
        let help_of = |list: &'static [(&str, &'static str)]| {
            let entry = list.iter().find(|(known, _)| known == name);
            entry.map(|(_, help)| *help)
        };
        if let Some(help) = help_of(self.unsupported) {
            let message = format!("`{name}` is not supported by this version");
            return cx.diagnostics.wrong_context(&key.span, message, help);
        }
        let suggestion = || nearest(name, self.keys.iter().copied());
        let help = match (help_of(self.instead), suggestion()) {
            (Some(help), _) => help.to_owned(),
            (None, Some(suggestion)) => format!("did you mean `{suggestion}`?"),
            (None, None) => match self.keys {
                [only] => format!("the only key is `{only}`"),
                keys => format!("the keys are {}", listed(keys)),
            },
        };
        let message = format!("`{name}` is not a key of {}", self.name);
        cx.diagnostics.wrong_context(&key.span, message, help);
    }
}
