//! What a template with a token is for all that follows the signature.

use super::check::Mistakes;
use super::signature::SignatureForm;
use super::template::{SignedForms, Template};
use super::token::JwsForm;
use crate::key::KeyEncoding;

/// The template with a header in the place of the token, for what follows the signature. Adds
/// a mistake for each part that does not fit the token.
pub(super) fn inside(form: &JwsForm, template: &Template, mistakes: &mut Mistakes) -> Template {
    form.check(mistakes);
    let unused = [
        ("signature", template.signature != SignatureForm::default()),
        ("signed", template.signed != SignedForms::default()),
        ("timestamp", template.timestamp.is_some()),
        ("families", !template.families.is_empty()),
        ("key_prefix", template.key_prefix.is_some()),
        (
            "key_encoding",
            template.key_encoding != KeyEncoding::default(),
        ),
        ("other_keys", !template.other_keys.is_empty()),
        ("other_signatures", !template.other_signatures.is_empty()),
        ("algorithms", !template.algorithms.is_empty()),
        ("unsigned_body", template.unsigned_body),
        ("expect", !template.expect.is_empty()),
        ("by_get", template.by_get),
    ];
    for (key, _) in unused.iter().filter(|(_, is_set)| *is_set) {
        mistakes.add(key, "a token says it (`jws`): leave it out");
    }
    let header = form.header.clone();
    Template {
        signature: SignatureForm {
            header: header.unwrap_or_else(|| "jws".to_owned()),
            ..SignatureForm::default()
        },
        ..template.clone()
    }
}
