//! Merged instances that are given whole to a module that stays outside.

use std::collections::BTreeMap;

use wasmparser::{Instance, Parser, Payload};

use super::entity::Kind;
use super::error::MergeError;
use super::plan::Plan;
use super::scope::{Item, Scope};

/// A name that a module outside imports from a merged instance.
pub(super) struct Given<'a> {
    pub(super) instance: u32,
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

/// The entities that merged instances give to modules outside: by the item that makes an instance
/// of such a module, then by argument.
pub(super) type Direct<'a> = BTreeMap<usize, BTreeMap<&'a str, Vec<Given<'a>>>>;

/// Finds the entities that merged instances give to modules outside.
pub(super) fn direct<'a>(scope: &Scope<'a>, plan: &Plan<'a>) -> Result<Direct<'a>, MergeError> {
    let mut direct = Direct::new();
    for (number, item) in scope.items.iter().enumerate() {
        let Item::Instance(Instance::Instantiate { module_index, args }) = item else {
            continue;
        };
        if plan.dropped.contains(&number) {
            continue;
        }
        for arg in args {
            if plan.members.contains_key(&arg.index) {
                let given = imports(scope.module(*module_index)?, arg.name, arg.index)?;
                direct.entry(number).or_default().insert(arg.name, given);
            }
        }
    }
    Ok(direct)
}

/// What a module imports from one of its arguments.
fn imports<'a>(module: &'a [u8], arg: &str, instance: u32) -> Result<Vec<Given<'a>>, MergeError> {
    let mut given: Vec<Given<'a>> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(imports) = payload? else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import?;
            let is_known = given.iter().any(|one| one.name == import.name);
            if import.module == arg && !is_known {
                given.push(Given {
                    instance,
                    name: import.name,
                    kind: Kind::of_import(import.ty)?,
                });
            }
        }
    }
    Ok(given)
}
