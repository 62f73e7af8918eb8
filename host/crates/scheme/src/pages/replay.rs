//! What somebody can do who has captured a request, in words.

use super::describe::unsigned_fields;
use crate::declarative::{Dedup, DedupBy, Selectors, Template};

/// What somebody can do who has captured a request of the scheme.
pub(super) fn replay(template: &Template) -> String {
    if template.algorithm.sends_secret() {
        return "write any event: the request carries the secret".to_owned();
    }
    let checked = template.timestamp.as_ref();
    let checked = checked.filter(|form| form.tolerance.as_deref() != Some("none"));
    if let Some(form) = checked {
        let tolerance = form.tolerance.as_deref().unwrap_or("5m");
        return format!("send it again within {tolerance}: a duplicate; later it is refused");
    }
    let resends = template.resends_for.as_deref().unwrap_or("35d");
    match &template.dedup {
        Some(Dedup::By(DedupBy::IdAndBody)) => with_unsigned_id(template, resends),
        Some(Dedup::Fields(_)) => with_fields(template),
        Some(Dedup::Without(without)) if without.if_there.is_some() => format!(
            "send it again: a duplicate for good; an event without the value that tells events \
             apart is a new event after {resends}"
        ),
        Some(Dedup::Without(_)) if signs_parts(template) => format!(
            "send it again: a duplicate for {resends}, then a new event; with anything changed \
             that is not signed: another event at once"
        ),
        Some(Dedup::By(DedupBy::Body) | Dedup::Without(_)) => {
            format!("send it again: a duplicate for {resends}, then a new event")
        }
        _ => "send it again: a duplicate for good".to_owned(),
    }
}

fn with_unsigned_id(template: &Template, resends: &str) -> String {
    let in_header = |id: &Selectors| id.iter().any(|selector| selector.contains("header:"));
    if template.id.as_ref().is_some_and(in_header) {
        return format!("send it again under another id: another event, marked for {resends}");
    }
    if template.once.is_empty() {
        return "send it again: a duplicate for good; with anything changed that is not signed: \
                another event, which nothing marks"
            .to_owned();
    }
    let once = template.once.iter().map(|field| match field.as_str() {
        "signed" => "the signed text".to_owned(),
        field => format!("`{}`", bare(field)),
    });
    format!(
        "send it again, with any body: a duplicate for good, by {}; if one of them is absent, with \
         another body: another event, which nothing marks. With `tolerance` it is refused later",
        once.collect::<Vec<_>>().join(" and ")
    )
}

fn with_fields(template: &Template) -> String {
    let unsigned: Vec<&str> = unsigned_fields(template).into_iter().map(bare).collect();
    if unsigned.is_empty() {
        return "send it again: a duplicate for good".to_owned();
    }
    format!(
        "send it again: a duplicate for good; under another `{}`, which is not signed: another \
         event; without it the bytes count, and what is not signed can be changed",
        unsigned.join("` or `")
    )
}

/// Whether parts of the body are signed, and others are not.
fn signs_parts(template: &Template) -> bool {
    let all = ["{body", "{sorted-form", "{form-values"];
    !all.iter().any(|value| template.signed.contains(value))
}

/// The name of a place without its kind.
fn bare(place: &str) -> &str {
    place.split_once(':').map_or(place, |(_, name)| name)
}
