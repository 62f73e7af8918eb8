//! Which instances are merged, and where the merged one stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasmparser::{CanonicalFunction, CanonicalOption, Import, Instance};

use super::effects::refuse_effects_between;
use super::entity::Kind;
use super::error::MergeError;
use super::module::Module;
use super::scope::{Item, Scope};

/// What an import of a merged module gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// The export of another merged instance.
    Merged { instance: u32, name: &'a str },
    /// An entity of the component that stays outside.
    Outside { kind: Kind, index: u32 },
}

/// What is merged.
pub(super) struct Plan<'a> {
    /// The instances that are merged, in the order of their indexes, with their modules.
    pub(super) members: BTreeMap<u32, Module<'a>>,
    /// The item before which the merged module is written.
    pub(super) place: usize,
    /// The items that refer to what is merged and that nobody outside needs.
    pub(super) dropped: BTreeSet<usize>,
    /// The aliases of what merged instances export that are needed outside.
    pub(super) kept: BTreeSet<usize>,
}

impl<'a> Plan<'a> {
    /// `None` if fewer than two instances can be merged.
    pub(super) fn make(scope: &Scope<'a>) -> Result<Option<Self>, MergeError> {
        let members = members(scope)?;
        if members.len() < 2 {
            return Ok(None);
        }
        refuse_effects_between(scope, &members.keys().copied().collect())?;
        let mut plan = Self {
            members,
            place: 0,
            dropped: BTreeSet::new(),
            kept: BTreeSet::new(),
        };
        plan.place = plan.after_what_is_needed(scope)?;
        let first_use = plan.sort_items(scope)?;
        Ok((plan.place <= first_use).then_some(plan))
    }

    /// What an import of a merged instance gets.
    pub(super) fn target(
        &self,
        scope: &Scope<'a>,
        instance: u32,
        import: &Import<'a>,
    ) -> Result<Target<'a>, MergeError> {
        let missing = || MergeError::Missing(format!("{} {}", import.module, import.name));
        let Instance::Instantiate { args, .. } = scope.instance(instance)? else {
            return Err(missing());
        };
        let arg = args.iter().find(|arg| arg.name == import.module);
        let giver = arg.ok_or_else(missing)?.index;
        match scope.instance(giver)? {
            Instance::Instantiate { .. } if self.members.contains_key(&giver) => {
                Ok(Target::Merged {
                    instance: giver,
                    name: import.name,
                })
            }
            Instance::Instantiate { .. } => Err(missing()),
            Instance::FromExports(exports) => {
                let export = exports.iter().find(|export| export.name == import.name);
                let export = export.ok_or_else(missing)?;
                let kind = Kind::of(export.kind)?;
                Ok(self.resolve(scope, kind, export.index)?)
            }
        }
    }

    fn resolve(&self, scope: &Scope<'a>, kind: Kind, index: u32) -> Result<Target<'a>, MergeError> {
        match scope.items[scope.defines(kind, index)?] {
            Item::Alias { instance, name, .. } if self.members.contains_key(&instance) => {
                Ok(Target::Merged { instance, name })
            }
            _ => Ok(Target::Outside { kind, index }),
        }
    }

    /// The place behind everything that merged instances import.
    fn after_what_is_needed(&self, scope: &Scope<'a>) -> Result<usize, MergeError> {
        let mut place = 0;
        for (instance, module) in &self.members {
            for import in &module.imports {
                if let Target::Outside { kind, index } = self.target(scope, *instance, import)? {
                    place = place.max(scope.defines(kind, index)? + 1);
                }
            }
        }
        Ok(place)
    }

    /// Finds out which items are kept. Returns the first item that needs the merged instance.
    fn sort_items(&mut self, scope: &Scope<'a>) -> Result<usize, MergeError> {
        let mut first_use = usize::MAX;
        // From the end, since an item refers only to items before it.
        let mut bags = BTreeSet::new();
        for (number, item) in scope.items.iter().enumerate().rev() {
            let needed = match item {
                Item::Canon(function) => options(function),
                Item::Instance(Instance::FromExports(exports)) if bags.contains(&number) => {
                    let exports = exports.iter();
                    let entities = exports.map(|export| Ok((Kind::of(export.kind)?, export.index)));
                    entities.collect::<Result<_, MergeError>>()?
                }
                Item::Instance(Instance::FromExports(_)) => {
                    self.dropped.insert(number);
                    continue;
                }
                Item::Instance(Instance::Instantiate { args, .. }) => {
                    let members = self.members.keys();
                    if members
                        .map(|member| scope.instances[*member as usize])
                        .any(|member| member == number)
                    {
                        self.dropped.insert(number);
                        continue;
                    }
                    for arg in args {
                        if self.members.contains_key(&arg.index) {
                            first_use = first_use.min(number);
                        }
                        bags.insert(scope.instances[arg.index as usize]);
                    }
                    Vec::new()
                }
                _ => continue,
            };
            for (kind, index) in needed {
                if let Target::Merged { .. } = self.resolve(scope, kind, index)? {
                    self.kept.insert(scope.defines(kind, index)?);
                    first_use = first_use.min(number);
                }
            }
        }
        self.drop_the_rest(scope)?;
        Ok(first_use)
    }

    /// Drops merged modules, and the aliases of merged instances that nobody outside needs.
    fn drop_the_rest(&mut self, scope: &Scope<'a>) -> Result<(), MergeError> {
        for instance in self.members.keys() {
            if let Instance::Instantiate { module_index, .. } = scope.instance(*instance)? {
                let module = scope.modules.get(*module_index as usize);
                self.dropped.extend(module);
            }
        }
        for (number, item) in scope.items.iter().enumerate() {
            // The kept ones are written behind the merged instance.
            if matches!(item, Item::Alias { instance, .. } if self.members.contains_key(instance)) {
                self.dropped.insert(number);
            }
        }
        Ok(())
    }
}

/// The core entities that a function of the component model needs.
pub(super) fn options(function: &CanonicalFunction) -> Vec<(Kind, u32)> {
    let (own, options) = match function {
        CanonicalFunction::Lift {
            core_func_index,
            options,
            ..
        } => (Some(*core_func_index), options),
        CanonicalFunction::Lower { options, .. } => (None, options),
        _ => return Vec::new(),
    };
    let own = own.map(|index| (Kind::Function, index));
    let needed = options.iter().filter_map(|option| match option {
        CanonicalOption::Memory(index) => Some((Kind::Memory, *index)),
        CanonicalOption::Realloc(index) | CanonicalOption::PostReturn(index) => {
            Some((Kind::Function, *index))
        }
        _ => None,
    });
    own.into_iter().chain(needed).collect()
}

/// The instances that can be merged: each the only one of its module, without a start function,
/// and in need of nothing that in turn needs an instance.
fn members<'a>(scope: &Scope<'a>) -> Result<BTreeMap<u32, Module<'a>>, MergeError> {
    let mut times = HashMap::<u32, u32>::new();
    for item in &scope.items {
        if let Item::Instance(Instance::Instantiate { module_index, .. }) = item {
            *times.entry(*module_index).or_default() += 1;
        }
    }
    let mut members = BTreeMap::new();
    // The items that need an instance which stays outside, or which may be merged.
    let mut late = BTreeSet::new();
    let mut instance = 0;
    for (number, item) in scope.items.iter().enumerate() {
        if needs_late(scope, item, &late)? {
            late.insert(number);
        }
        if let Item::Instance(one) = item {
            if let Instance::Instantiate { module_index, .. } = one
                && !late.contains(&number)
            {
                let module = match times[module_index] {
                    1 => Module::read(scope.module(*module_index)?)?,
                    _ => None,
                };
                match module {
                    Some(module) => drop(members.insert(instance, module)),
                    None => drop(late.insert(number)),
                }
            }
            instance += 1;
        }
    }
    Ok(members)
}

fn needs_late(
    scope: &Scope<'_>,
    item: &Item<'_>,
    late: &BTreeSet<usize>,
) -> Result<bool, MergeError> {
    let is_late = |instance: u32| {
        let number = scope.instances.get(instance as usize);
        number.is_some_and(|number| late.contains(number))
    };
    match item {
        Item::Canon(function) => Ok(!options(function).is_empty()),
        Item::Alias { instance, .. } => Ok(is_late(*instance)),
        Item::Instance(Instance::Instantiate { args, .. }) => {
            Ok(args.iter().any(|arg| is_late(arg.index)))
        }
        Item::Instance(Instance::FromExports(exports)) => {
            for export in exports {
                let defined = scope.defines(Kind::of(export.kind)?, export.index)?;
                if late.contains(&defined) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}
