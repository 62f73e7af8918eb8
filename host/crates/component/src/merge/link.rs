//! Brings the modules of a plan together: which index means which entity of the merged module.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{FuncType, TypeRef};

use super::entity::{Each, Kind};
use super::error::{MergeError, at};
use super::module::Module;
use super::plan::{Plan, Target};
use super::scope::{Item, Scope};

/// All modules of a plan. The entities of each kind are counted through: first those from outside,
/// then those of one module after another.
#[derive(Default)]
pub(super) struct Linked<'a> {
    pub(super) members: Vec<Member<'a>>,
    /// What the merged module imports.
    pub(super) outside: Vec<Outside>,
    /// What the merged module exports.
    pub(super) exports: Vec<Exported>,
    pub(super) types: Vec<FuncType>,
    /// The number of entities.
    pub(super) counts: Each<u32>,
}

/// A module of a plan.
pub(super) struct Member<'a> {
    pub(super) instance: u32,
    pub(super) module: Module<'a>,
    /// The entities by their indexes in the module.
    pub(super) entities: Each<Vec<u32>>,
    /// The types by their indexes in the module.
    pub(super) types: Vec<u32>,
}

/// An import of the merged module.
pub(super) struct Outside {
    pub(super) kind: Kind,
    /// The index among the component's core entities.
    pub(super) index: u32,
    pub(super) ty: TypeRef,
    /// The number of the member in whose terms `ty` is.
    pub(super) member: usize,
}

/// An export of the merged module.
pub(super) struct Exported {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) entity: u32,
}

/// The name under which the merged module exports what an instance exported.
pub(super) fn exported_name(instance: u32, name: &str) -> String {
    format!("{instance} {name}")
}

impl<'a> Linked<'a> {
    /// Links the modules. `wanted` are the exports that are needed outside: instance and name.
    pub(super) fn link(
        scope: &Scope<'a>,
        plan: &mut Plan<'a>,
        wanted: &BTreeSet<(u32, &'a str)>,
    ) -> Result<Self, MergeError> {
        let mut linked = Self::default();
        let outside = linked.import(scope, plan)?;
        let mut targets = Vec::new();
        for (instance, module) in &plan.members {
            let imports = module.imports.iter();
            let of = imports.map(|import| plan.target(scope, *instance, import));
            targets.push(of.collect::<Result<Vec<_>, _>>()?);
        }
        let members = std::mem::take(&mut plan.members);
        for ((instance, module), targets) in members.into_iter().zip(targets) {
            linked.add(instance, module, &targets, &outside)?;
        }
        for (instance, name) in wanted {
            let (kind, entity) = linked.export(*instance, name)?;
            let name = exported_name(*instance, name);
            linked.exports.push(Exported { name, kind, entity });
        }
        Ok(linked)
    }

    /// Collects what comes from outside. Returns the entities by their indexes in the component.
    fn import(
        &mut self,
        scope: &Scope<'a>,
        plan: &Plan<'a>,
    ) -> Result<HashMap<(Kind, u32), u32>, MergeError> {
        let mut numbers = HashMap::new();
        for (member, (instance, module)) in plan.members.iter().enumerate() {
            for import in &module.imports {
                let Target::Outside { kind, index } = plan.target(scope, *instance, import)? else {
                    continue;
                };
                if numbers.contains_key(&(kind, index)) {
                    continue;
                }
                numbers.insert((kind, index), self.count(kind));
                self.outside.push(Outside {
                    kind,
                    index,
                    ty: import.ty,
                    member,
                });
            }
        }
        Ok(numbers)
    }

    fn count(&mut self, kind: Kind) -> u32 {
        let count = self.counts.get_mut(kind);
        *count += 1;
        *count - 1
    }

    fn add(
        &mut self,
        instance: u32,
        module: Module<'a>,
        targets: &[Target<'a>],
        outside: &HashMap<(Kind, u32), u32>,
    ) -> Result<(), MergeError> {
        let mut entities = Each::<Vec<u32>>::default();
        for (import, target) in module.imports.iter().zip(targets) {
            let (kind, entity) = match *target {
                Target::Outside { kind, index } => (kind, outside[&(kind, index)]),
                Target::Merged { instance, name } => self.export(instance, name)?,
            };
            if kind != Kind::of_import(import.ty)? {
                return Err(MergeError::Missing(import.name.to_owned()));
            }
            entities.get_mut(kind).push(entity);
        }
        let own = [
            (Kind::Function, module.functions.len()),
            (Kind::Table, module.tables.len()),
            (Kind::Memory, module.memories.len()),
            (Kind::Global, module.globals.len()),
        ];
        for (kind, many) in own {
            for _ in 0..many {
                let number = self.count(kind);
                entities.get_mut(kind).push(number);
            }
        }
        let types = module.types.iter().map(|ty| self.type_of(ty)).collect();
        self.members.push(Member {
            instance,
            module,
            entities,
            types,
        });
        Ok(())
    }

    /// The number of a type. Equal types of several modules become one.
    fn type_of(&mut self, wanted: &FuncType) -> u32 {
        let found = self.types.iter().position(|ty| ty == wanted);
        let number = found.unwrap_or_else(|| {
            self.types.push(wanted.clone());
            self.types.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The entity that an instance exports.
    fn export(&self, instance: u32, name: &str) -> Result<(Kind, u32), MergeError> {
        let missing = || MergeError::Missing(format!("the export {name}"));
        let member = self.members.iter().find(|one| one.instance == instance);
        let member = member.ok_or_else(missing)?;
        let exported = member.module.exports.get(name).copied();
        let (kind, index) = exported.ok_or_else(missing)?;
        Ok((kind, at(member.entities.get(kind), index, "export")?))
    }
}

/// The exports of merged instances that are needed outside.
pub(super) fn wanted<'a>(
    scope: &Scope<'a>,
    plan: &Plan<'a>,
    direct: impl Iterator<Item = (u32, &'a str)>,
) -> BTreeSet<(u32, &'a str)> {
    let kept = plan
        .kept
        .iter()
        .filter_map(|number| match scope.items[*number] {
            Item::Alias { instance, name, .. } => Some((instance, name)),
            _ => None,
        });
    kept.chain(direct).collect()
}
