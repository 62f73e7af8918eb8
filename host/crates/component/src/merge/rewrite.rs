//! Writes a component with its modules merged.

use std::collections::BTreeMap;

use wasm_encoder::reencode::ReencodeComponent as _;
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentSectionId,
    InstanceSection, ModuleArg, RawSection,
};
use wasmparser::Instance;

use super::direct::{Direct, Given, direct};
use super::entity::Kind;
use super::error::MergeError;
use super::indexes::Indexes;
use super::link::{Linked, exported_name, wanted};
use super::plan::Plan;
use super::scope::{Item, Scope};
use super::write::{OUTSIDE, write};

/// The component with merged modules, and so for the components inside. `None` if nothing is
/// merged.
pub(super) fn merge_scope(bytes: &[u8]) -> Result<Option<Vec<u8>>, MergeError> {
    let scope = Scope::read(bytes)?;
    let mut nested = BTreeMap::new();
    for (number, item) in scope.items.iter().enumerate() {
        if let Item::Component(inside) = item
            && let Some(merged) = merge_scope(inside)?
        {
            nested.insert(number, merged);
        }
    }
    let plan = Plan::make(&scope)?;
    if nested.is_empty() && plan.is_none() {
        return Ok(None);
    }
    let mut writer = Writer {
        scope: &scope,
        nested: &nested,
        component: Component::new(),
        indexes: Indexes::default(),
        merged: 0,
    };
    match plan {
        Some(plan) => writer.write_merged(plan)?,
        None => writer.write_items(0..scope.items.len(), &Direct::new())?,
    }
    Ok(Some(writer.component.finish()))
}

struct Writer<'a, 'b> {
    scope: &'b Scope<'a>,
    /// Nested components that were merged, by the numbers of their items.
    nested: &'b BTreeMap<usize, Vec<u8>>,
    component: Component,
    indexes: Indexes,
    /// The index of the merged instance.
    merged: u32,
}

impl<'a> Writer<'a, '_> {
    fn write_merged(&mut self, mut plan: Plan<'a>) -> Result<(), MergeError> {
        let direct = direct(self.scope, &plan)?;
        let given = direct.values().flat_map(BTreeMap::values).flatten();
        let wanted = wanted(self.scope, &plan, given.map(|one| (one.instance, one.name)));
        let linked = Linked::link(self.scope, &mut plan, &wanted)?;
        self.indexes.left_out.clone_from(&plan.dropped);
        self.write_items(0..plan.place, &direct)?;
        self.write_instance(&linked)?;
        for number in &plan.kept {
            if let Item::Alias {
                kind,
                instance,
                name,
            } = self.scope.items[*number]
            {
                let index = self.write_alias(kind, instance, name);
                self.indexes.set(self.scope, kind, *number, index);
            }
        }
        self.write_items(plan.place..self.scope.items.len(), &direct)
    }

    /// Writes the merged module and its instance.
    fn write_instance(&mut self, linked: &Linked<'_>) -> Result<(), MergeError> {
        let module = write(linked)?;
        self.write_section(ComponentSectionId::CoreModule.into(), &module);
        let module = self.indexes.add_module();
        let mut bag = Vec::new();
        for (number, one) in linked.outside.iter().enumerate() {
            let index = self.indexes.entity(one.kind, one.index);
            bag.push((number.to_string(), one.kind.into(), index));
        }
        let mut section = InstanceSection::new();
        section.export_items(bag);
        let outside = self.indexes.add_instance();
        section.instantiate(module, [(OUTSIDE, ModuleArg::Instance(outside))]);
        self.merged = self.indexes.add_instance();
        self.component.section(&section);
        Ok(())
    }

    /// Writes an alias of what the merged instance exports. Returns the index of the entity.
    fn write_alias(&mut self, kind: Kind, instance: u32, name: &str) -> u32 {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport {
            instance: self.merged,
            kind: kind.into(),
            name: &exported_name(instance, name),
        });
        self.component.section(&section);
        self.indexes.add_entity(kind)
    }

    fn write_section(&mut self, id: u8, data: &[u8]) {
        self.component.section(&RawSection { id, data });
    }

    fn write_items(
        &mut self,
        items: std::ops::Range<usize>,
        direct: &Direct<'a>,
    ) -> Result<(), MergeError> {
        for number in items {
            if !self.indexes.left_out.contains(&number) {
                self.write_item(number, direct.get(&number))?;
            }
        }
        Ok(())
    }

    fn write_item(
        &mut self,
        number: usize,
        direct: Option<&BTreeMap<&'a str, Vec<Given<'a>>>>,
    ) -> Result<(), MergeError> {
        match &self.scope.items[number] {
            Item::Section { id, data } => self.write_section(*id, data),
            Item::Component(inside) => {
                let merged = self.nested.get(&number).map(Vec::as_slice);
                let id = ComponentSectionId::Component.into();
                self.write_section(id, merged.unwrap_or(inside));
            }
            Item::Module(bytes) => {
                self.write_section(ComponentSectionId::CoreModule.into(), bytes);
                self.indexes.define(self.scope, number);
            }
            Item::Instance(instance) => match direct {
                Some(direct) => self.write_given(number, instance, direct)?,
                None => {
                    let mut section = InstanceSection::new();
                    self.indexes
                        .parse_instance(&mut section, instance.clone())?;
                    self.component.section(&section);
                    self.indexes.define(self.scope, number);
                }
            },
            Item::Alias {
                kind,
                instance,
                name,
            } => {
                let mut section = ComponentAliasSection::new();
                section.alias(Alias::CoreInstanceExport {
                    instance: self.indexes.instance(*instance),
                    kind: (*kind).into(),
                    name,
                });
                self.component.section(&section);
                self.indexes.define(self.scope, number);
            }
            Item::OtherAlias(alias) => {
                let mut section = ComponentAliasSection::new();
                section.alias(self.indexes.component_alias(alias.clone())?);
                self.component.section(&section);
            }
            Item::Canon(function) => {
                let mut section = CanonicalFunctionSection::new();
                self.indexes
                    .parse_component_canonical(&mut section, function.clone())?;
                self.component.section(&section);
                self.indexes.define(self.scope, number);
            }
        }
        Ok(())
    }

    /// Writes an instance of a module that gets merged instances: bags in their stead.
    fn write_given(
        &mut self,
        number: usize,
        instance: &Instance<'a>,
        direct: &BTreeMap<&'a str, Vec<Given<'a>>>,
    ) -> Result<(), MergeError> {
        let Instance::Instantiate { module_index, args } = instance else {
            return Err(MergeError::Missing("an instance's module".to_owned()));
        };
        let mut given = Vec::new();
        for arg in args {
            let index = match direct.get(arg.name) {
                Some(names) => self.write_bag(names),
                None => self.indexes.instance(arg.index),
            };
            given.push((arg.name, ModuleArg::Instance(index)));
        }
        let mut section = InstanceSection::new();
        section.instantiate(self.indexes.module(*module_index), given);
        self.component.section(&section);
        self.indexes.define(self.scope, number);
        Ok(())
    }

    fn write_bag(&mut self, names: &[Given<'a>]) -> u32 {
        let mut bag = Vec::new();
        for one in names {
            let index = self.write_alias(one.kind, one.instance, one.name);
            bag.push((one.name, one.kind.into(), index));
        }
        let mut section = InstanceSection::new();
        section.export_items(bag);
        self.component.section(&section);
        self.indexes.add_instance()
    }
}
