//! Finds the parts of a template that do not fit the others.

use super::check::Mistakes;
use super::family::HeaderFamily;
use super::signature::{Layout, SignatureForm};
use super::signed::Source;
use super::template::Template;
use crate::key::Algorithm;
use tollgate_base::json::PointerSet;

/// Adds a mistake for each part of the template that does not fit the others.
pub(super) fn check_layout(template: &Template, mistakes: &mut Mistakes) {
    if let Some(pointer) = &template.events {
        mistakes.keep("events", PointerSet::new(&[pointer]));
    }
    check_signature("signature", &template.signature, mistakes);
    for other in &template.other_signatures {
        check_signature("other_signatures", &other.signature, mistakes);
    }
    if template.signature.form.is_nameless() && !template.other_keys.is_empty() {
        mistakes.add(
            "other_keys",
            "signatures of several kinds need names: set `signature.form`",
        );
    }
    if template.algorithms.is_empty() && template.algorithm_at.is_some() {
        let message = "`algorithm_at` needs `algorithms`: the algorithms by their names";
        mistakes.add("algorithms", message);
    }
    check_timestamp(template, mistakes);
    check_mode(template, mistakes);
    for challenge in &template.challenges {
        if let Some(problem) = challenge.problem() {
            mistakes.add("challenges", problem);
        }
    }
}

fn check_signature(table: &str, form: &SignatureForm, mistakes: &mut Mistakes) {
    let mut add = |key: &str, message: &str| mistakes.add(&format!("{table}.{key}"), message);
    let bare = form.form == Layout::Bare;
    let nameless = form.form.is_nameless();
    match (&form.at, form.header.is_empty()) {
        (Some(_), false) => add("at", "set `header` or `at`, not both"),
        (None, true) => add("header", "say where the signature stands: `header` or `at`"),
        _ => {}
    }
    if nameless && form.name.is_some() {
        add(
            "name",
            "a `bare` signature has no name; leave it out, or set `form`",
        );
    }
    if !nameless && form.name.as_ref().is_none_or(String::is_empty) {
        add("name", "say which of the header's entries is the signature");
    }
    if !bare && form.prefix.is_some() {
        add("prefix", "only a `bare` signature has one");
    }
    if form.several && form.at.is_some() {
        add("several", "only headers can hold several signatures");
    }
    if form.form != Layout::Pairs && form.separator.is_some() {
        add("separator", "only `pairs` have one");
    }
    if form.form != Layout::Pairs && form.equals.is_some() {
        add("equals", "only `pairs` have one");
    }
}

/// Adds a mistake for each text of signed bytes that protects too little, or that no provider can
/// sign.
pub(super) fn check_signed(
    template: &Template,
    families: &[HeaderFamily],
    mistakes: &mut Mistakes,
) {
    const KEY: &str = "signed";
    let algorithms = template.algorithms.values().copied();
    let others = template.other_signatures.iter();
    let all: Vec<Algorithm> = std::iter::once(template.algorithm)
        .chain(algorithms)
        .chain(others.filter_map(|other| other.algorithm))
        .collect();
    let signs_nothing = all.iter().all(|algorithm| algorithm.sends_secret());
    let is_secret = |source: &Source| *source == Source::Secret;
    if template.signed.0.is_empty() {
        mistakes.add(KEY, "say which bytes are signed");
    }
    let readable = families.iter().map(|family| &family.signed);
    for signed in readable.filter(|signed| !signed.0.is_empty()) {
        let by_hash = all.iter().any(|algorithm| algorithm.hash().is_some());
        if by_hash && !signed.all_hold(&is_secret) {
            let message = "a hash without {secret} can be made by anybody: put {secret} into it";
            mistakes.add(KEY, message);
        }
        if signed.any_holds(&is_secret) && all.iter().any(|algorithm| algorithm.is_public()) {
            mistakes.add(KEY, "the secret is a public key, so no {secret} is signed");
        }
        let covers = signed.hold_body() || signed.hold_parts_of_body();
        if !covers && !template.unsigned_body && !signs_nothing {
            mistakes.add(
                KEY,
                "without {body} anybody could change the body: sign it or values of it, such as \
                 {json:/id}; if the provider signs nothing of it, say so: unsigned_body = true",
            );
        }
        let is_in_body =
            |family: &HeaderFamily| matches!(family.place, Source::Json(_) | Source::Form(_));
        let in_body = families.iter().any(is_in_body);
        if in_body && signed.any_holds(&|source| *source == Source::Body) {
            mistakes.add(
                KEY,
                "the signature is in the body, so no {body} can be signed",
            );
        }
    }
    if template.unsigned_body && families.iter().any(|family| family.signed.hold_body()) {
        mistakes.add("unsigned_body", "`signed` holds the {body}: leave this out");
    }
}

fn check_mode(template: &Template, mistakes: &mut Mistakes) {
    let Some(form) = &template.livemode else {
        return;
    };
    let both = |text: &String| form.test.iter().any(|test| test.eq_ignore_ascii_case(text));
    if form.live.iter().any(both) {
        mistakes.add("livemode", "a text cannot mean both modes");
    }
    if form.live.is_empty() && form.test.is_empty() {
        mistakes.add("livemode", "name a text of `live` or of `test` mode");
    }
}

fn check_timestamp(template: &Template, mistakes: &mut Mistakes) {
    let signs_it = template
        .all_signed()
        .any(|text| text.contains("{timestamp"));
    let Some(form) = &template.timestamp else {
        if signs_it {
            mistakes.add(
                "timestamp",
                "`signed` has a {timestamp}; say where it stands",
            );
        }
        return;
    };
    let places = [&form.header, &form.pair, &form.at];
    let layouts = template.other_signatures.iter();
    let mut layouts = layouts.map(|other| other.signature.form);
    match places.iter().filter(|place| place.is_some()).count() {
        0 => mistakes.add("timestamp", "say where it stands: `header`, `pair` or `at`"),
        1 => {}
        _ => mistakes.add("timestamp", "set one of `header`, `pair` and `at`"),
    }
    let held = template.signature.form.holds_time() && layouts.all(Layout::holds_time);
    if form.pair.is_some() && !held {
        mistakes.add(
            "timestamp.pair",
            "only a signature header of `pairs` or `time-first` has one",
        );
    }
    let named = |name: &String| {
        let header = format!("{{header:{name}}}");
        template.all_signed().any(|text| text.contains(&header))
    };
    let at_is_signed = || {
        let at = form.at.as_ref()?;
        let place = match at.strip_prefix('/') {
            Some(_) => format!("{{json:{at}}}"),
            None => format!("{{{at}}}"),
        };
        let mut signed = template.all_signed();
        Some(signed.any(|text| text.contains(&place) || text.contains("{body}")))
    };
    if !signs_it && !form.header.as_ref().is_some_and(named) && at_is_signed() != Some(true) {
        mistakes.add(
            "timestamp",
            "`signed` does not hold the {timestamp}, so anybody could change it",
        );
    }
}
