//! The notes of the merged module: names of functions, and the tools that made the modules.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{NameMap, NameSection, ProducersField, ProducersSection};

use super::entity::{Each, Kind};
use super::link::Linked;

/// The names of functions, which messages and profiles show.
pub(super) fn names(linked: &Linked<'_>, indexes: &Each<Vec<Option<u32>>>) -> NameSection {
    let mut named = BTreeMap::new();
    for member in &linked.members {
        let imported = *member.module.imported.get(Kind::Function);
        let own = member.module.names.iter();
        for (index, name) in own.filter(|(index, _)| *index >= imported) {
            let entity = member.entities.get(Kind::Function).get(*index as usize);
            let index = entity.and_then(|entity| indexes.get(Kind::Function)[*entity as usize]);
            if let Some(index) = index {
                named.insert(index, *name);
            }
        }
    }
    let mut functions = NameMap::new();
    for (index, name) in named {
        functions.append(index, name);
    }
    let mut names = NameSection::new();
    names.functions(&functions);
    names
}

/// The tools that made any of the modules.
pub(super) fn producers(linked: &Linked<'_>) -> ProducersSection {
    let mut fields = BTreeMap::<&str, BTreeSet<(&str, &str)>>::new();
    for member in &linked.members {
        for (field, name, version) in &member.module.producers {
            fields.entry(field).or_default().insert((name, version));
        }
    }
    let mut section = ProducersSection::new();
    for (name, values) in fields {
        let mut field = ProducersField::new();
        for (name, version) in values {
            field.value(name, version);
        }
        section.field(name, &field);
    }
    section
}
