//! The indexes of a component's core modules, instances and entities before and after a merge.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};

use super::entity::{Each, Kind};
use super::scope::{Item, Scope};

/// What leads nowhere: the validation of the result refuses it.
const NOWHERE: u32 = u32::MAX;

/// The new indexes of what has been written so far.
#[derive(Default)]
pub(super) struct Indexes {
    /// The items that are not written.
    pub(super) left_out: BTreeSet<usize>,
    modules: HashMap<u32, u32>,
    instances: HashMap<u32, u32>,
    entities: Each<HashMap<u32, u32>>,
    written_modules: u32,
    written_instances: u32,
    written_entities: Each<u32>,
}

impl Indexes {
    /// Notes that an item was written.
    pub(super) fn define(&mut self, scope: &Scope<'_>, number: usize) {
        match &scope.items[number] {
            Item::Module(_) => {
                let new = self.add_module();
                self.modules
                    .extend(old(&scope.modules, number).map(|old| (old, new)));
            }
            Item::Instance(_) => {
                let new = self.add_instance();
                self.instances
                    .extend(old(&scope.instances, number).map(|old| (old, new)));
            }
            Item::Alias { kind, .. } => {
                let new = self.add_entity(*kind);
                self.set(scope, *kind, number, new);
            }
            Item::Canon(wasmparser::CanonicalFunction::Lift { .. }) => {}
            Item::Canon(_) => {
                let new = self.add_entity(Kind::Function);
                self.set(scope, Kind::Function, number, new);
            }
            Item::Section { .. } | Item::Component(_) | Item::OtherAlias(_) => {}
        }
    }

    /// Sets the new index of the entity that an item defines.
    pub(super) fn set(&mut self, scope: &Scope<'_>, kind: Kind, number: usize, new: u32) {
        let old = old(scope.entities.get(kind), number);
        self.entities
            .get_mut(kind)
            .extend(old.map(|old| (old, new)));
    }

    pub(super) fn add_module(&mut self) -> u32 {
        next(&mut self.written_modules)
    }

    pub(super) fn add_instance(&mut self) -> u32 {
        next(&mut self.written_instances)
    }

    pub(super) fn add_entity(&mut self, kind: Kind) -> u32 {
        next(self.written_entities.get_mut(kind))
    }

    pub(super) fn module(&self, old: u32) -> u32 {
        self.modules.get(&old).copied().unwrap_or(NOWHERE)
    }

    pub(super) fn instance(&self, old: u32) -> u32 {
        self.instances.get(&old).copied().unwrap_or(NOWHERE)
    }

    pub(super) fn entity(&self, kind: Kind, old: u32) -> u32 {
        self.entities
            .get(kind)
            .get(&old)
            .copied()
            .unwrap_or(NOWHERE)
    }
}

/// The index of what an item defines.
fn old(items: &[usize], number: usize) -> Option<u32> {
    let index = items.binary_search(&number).ok()?;
    u32::try_from(index).ok()
}

fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

impl Reencode for Indexes {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.entity(Kind::Function, index))
    }

    fn table_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.entity(Kind::Table, index))
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.entity(Kind::Memory, index))
    }

    fn global_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.entity(Kind::Global, index))
    }
}

impl ReencodeComponent for Indexes {
    fn module_index(&mut self, index: u32) -> u32 {
        self.module(index)
    }

    fn instance_index(&mut self, index: u32) -> u32 {
        self.instance(index)
    }
}
