//! What instances do while they are made: they write segments, and run start functions. A merge
//! makes all merged instances at one moment, so nothing that counts may happen between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasmparser::{DataKind, ElementKind, Import, Instance, Parser, Payload};

use super::entity::Kind;
use super::error::MergeError;
use super::module::{exports, imports};
use super::scope::{Item, Scope};

/// A memory, a table, or another entity, by the instance that defines it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entity {
    /// The entity of a module's own, by its index in the module.
    Of(u32, Kind, u32),
    /// An entity of the component.
    Outside(Kind, u32),
}

/// What of a module counts while an instance of the module is made.
#[derive(Default)]
struct Making<'a> {
    imports: Vec<Import<'a>>,
    exports: HashMap<&'a str, (Kind, u32)>,
    /// The memories and tables that segments are written to.
    written: Vec<(Kind, u32)>,
    starts: bool,
}

/// Refuses a component in which an instance that stays outside runs code before a merged one writes
/// segments, or writes to a memory or a table that a later merged one writes to.
pub(super) fn refuse_effects_between(
    scope: &Scope<'_>,
    members: &BTreeSet<u32>,
) -> Result<(), MergeError> {
    let mut makings = Makings {
        scope,
        read: BTreeMap::new(),
    };
    let end = members.last().map_or(0, |last| last + 1);
    // From the end: the memories and tables that the members behind an instance write to.
    let mut later = Vec::new();
    for instance in (0..end).rev() {
        if members.contains(&instance) {
            later.extend(makings.written(instance)?);
        } else if makings.is_of_module(instance)? {
            let starts = makings.of(instance)?.starts && !later.is_empty();
            let written = makings.written(instance)?;
            if starts || written.iter().any(|entity| later.contains(entity)) {
                return Err(MergeError::Unknown(
                    "a module that does something at the start between those that would be merged",
                ));
            }
        }
    }
    Ok(())
}

/// The modules of a component, each read once.
struct Makings<'s, 'a> {
    scope: &'s Scope<'a>,
    read: BTreeMap<u32, Making<'a>>,
}

impl<'a> Makings<'_, 'a> {
    fn is_of_module(&self, instance: u32) -> Result<bool, MergeError> {
        let instance = self.scope.instance(instance)?;
        Ok(matches!(instance, Instance::Instantiate { .. }))
    }

    fn of(&mut self, instance: u32) -> Result<&Making<'a>, MergeError> {
        let Instance::Instantiate { module_index, .. } = self.scope.instance(instance)? else {
            return Err(MergeError::Missing(format!("module of {instance}")));
        };
        if !self.read.contains_key(module_index) {
            let making = Making::read(self.scope.module(*module_index)?)?;
            self.read.insert(*module_index, making);
        }
        Ok(&self.read[module_index])
    }

    /// The memories and tables that an instance writes segments to.
    fn written(&mut self, instance: u32) -> Result<Vec<Entity>, MergeError> {
        let written = self.of(instance)?.written.clone();
        let entities = written.into_iter();
        entities
            .map(|(kind, index)| self.entity(instance, kind, index))
            .collect()
    }

    /// The entity that a module knows by this index.
    fn entity(&mut self, instance: u32, kind: Kind, index: u32) -> Result<Entity, MergeError> {
        let making = self.of(instance)?;
        let mut imported = Vec::new();
        for import in &making.imports {
            if Kind::of_import(import.ty)? == kind {
                imported.push((import.module, import.name));
            }
        }
        let Some((from, name)) = imported.get(index as usize).copied() else {
            return Ok(Entity::Of(instance, kind, index));
        };
        let Instance::Instantiate { args, .. } = self.scope.instance(instance)? else {
            return Err(MergeError::Missing(format!("module of {instance}")));
        };
        let arg = args.iter().find(|arg| arg.name == from);
        let giver = arg.ok_or_else(|| MergeError::Missing(format!("{from} {name}")))?;
        self.exported(giver.index, name)
    }

    /// The entity that an instance exports under a name.
    fn exported(&mut self, instance: u32, name: &str) -> Result<Entity, MergeError> {
        let missing = || MergeError::Missing(format!("export {name}"));
        match self.scope.instance(instance)? {
            Instance::Instantiate { .. } => {
                let exported = self.of(instance)?.exports.get(name).copied();
                let (kind, index) = exported.ok_or_else(missing)?;
                self.entity(instance, kind, index)
            }
            Instance::FromExports(exports) => {
                let export = exports.iter().find(|export| export.name == name);
                let export = export.ok_or_else(missing)?;
                let kind = Kind::of(export.kind)?;
                match self.scope.items[self.scope.defines(kind, export.index)?] {
                    Item::Alias { instance, name, .. } => self.exported(instance, name),
                    _ => Ok(Entity::Outside(kind, export.index)),
                }
            }
        }
    }
}

impl<'a> Making<'a> {
    fn read(module: &'a [u8]) -> Result<Self, MergeError> {
        let mut making = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            making.add(payload?)?;
        }
        Ok(making)
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<(), MergeError> {
        match payload {
            Payload::StartSection { .. } => self.starts = true,
            Payload::ImportSection(section) => self.imports = imports(section)?,
            Payload::ExportSection(section) => self.exports = exports(section)?,
            Payload::DataSection(segments) => {
                for segment in segments {
                    if let DataKind::Active { memory_index, .. } = segment?.kind {
                        self.written.push((Kind::Memory, memory_index));
                    }
                }
            }
            Payload::ElementSection(segments) => {
                for segment in segments {
                    if let ElementKind::Active { table_index, .. } = segment?.kind {
                        let table = table_index.unwrap_or_default();
                        self.written.push((Kind::Table, table));
                    }
                }
            }
            _ => {}
        }
        // Many segments go to one memory.
        self.written.dedup();
        Ok(())
    }
}
