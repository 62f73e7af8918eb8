//! Which functions can be called, and which globals are changed.

use wasmparser::{ConstExpr, ElementItems, Operator, TableInit};

use super::entity::{Each, Kind};
use super::error::{MergeError, at};
use super::link::{Linked, Member};

/// What is used, by entity.
pub(super) struct Live {
    /// Functions that an export, a table or another live function leads to.
    pub(super) functions: Vec<bool>,
    /// Globals that a live function sets.
    pub(super) set: Vec<bool>,
    waiting: Vec<u32>,
}

impl Live {
    pub(super) fn find(linked: &Linked<'_>) -> Result<Self, MergeError> {
        let many = |kind| *linked.counts.get(kind) as usize;
        let mut live = Self {
            functions: vec![false; many(Kind::Function)],
            set: vec![false; many(Kind::Global)],
            waiting: Vec::new(),
        };
        let exported = linked.exports.iter();
        for export in exported.filter(|export| export.kind == Kind::Function) {
            live.reach(export.entity);
        }
        for member in &linked.members {
            live.add_roots(member)?;
        }
        live.follow(linked)?;
        Ok(live)
    }

    fn reach(&mut self, function: u32) {
        if let Some(known) = self.functions.get_mut(function as usize)
            && !*known
        {
            *known = true;
            self.waiting.push(function);
        }
    }

    /// Everything outside of functions that names a function.
    fn add_roots(&mut self, member: &Member<'_>) -> Result<(), MergeError> {
        let module = &member.module;
        for global in &module.globals {
            self.add_expression(member, &global.init_expr)?;
        }
        for table in &module.tables {
            if let TableInit::Expr(expression) = &table.init {
                self.add_expression(member, expression)?;
            }
        }
        for element in &module.elements {
            match element.items.clone() {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.reach_local(member, function?)?;
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.add_expression(member, &expression?)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add_expression(
        &mut self,
        member: &Member<'_>,
        expression: &ConstExpr<'_>,
    ) -> Result<(), MergeError> {
        for operator in expression.get_operators_reader() {
            self.add_operator(member, &operator?)?;
        }
        Ok(())
    }

    fn add_operator(
        &mut self,
        member: &Member<'_>,
        operator: &Operator<'_>,
    ) -> Result<(), MergeError> {
        match operator {
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index } => self.reach_local(member, *function_index),
            Operator::GlobalSet { global_index } => {
                let globals = member.entities.get(Kind::Global);
                self.set[at(globals, *global_index, "global")? as usize] = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reach_local(&mut self, member: &Member<'_>, index: u32) -> Result<(), MergeError> {
        self.reach(at(member.entities.get(Kind::Function), index, "function")?);
        Ok(())
    }

    fn follow(&mut self, linked: &Linked<'_>) -> Result<(), MergeError> {
        let owners = owners(linked);
        while let Some(function) = self.waiting.pop() {
            let Some((member, number)) = owners[function as usize] else {
                continue;
            };
            let member = &linked.members[member];
            let body = member.module.bodies.get(number);
            let body = body.ok_or_else(|| MergeError::Missing("a function's body".to_owned()))?;
            for operator in body.get_operators_reader()? {
                self.add_operator(member, &operator?)?;
            }
        }
        Ok(())
    }
}

/// For each function: its member and the number of its body. `None` for those from outside.
fn owners(linked: &Linked<'_>) -> Vec<Option<(usize, usize)>> {
    let mut owners = vec![None; *linked.counts.get(Kind::Function) as usize];
    for (number, member) in linked.members.iter().enumerate() {
        for (body, function) in member.own(Kind::Function).iter().enumerate() {
            owners[*function as usize] = Some((number, body));
        }
    }
    owners
}

impl Member<'_> {
    /// The entities of a kind that the module defines itself.
    pub(super) fn own(&self, kind: Kind) -> &[u32] {
        let imported = *self.module.imported.get(kind) as usize;
        self.entities.get(kind).get(imported..).unwrap_or_default()
    }
}

/// The indexes of entities in the merged module. `None` for what is left out.
pub(super) fn final_indexes(
    linked: &Linked<'_>,
    live: &Live,
    constant: impl Fn(u32) -> bool,
) -> Each<Vec<Option<u32>>> {
    let mut indexes = Each::<Vec<Option<u32>>>::default();
    for kind in [Kind::Function, Kind::Table, Kind::Memory, Kind::Global] {
        let outside = linked.outside.iter().filter(|one| one.kind == kind).count();
        let mut next = 0;
        for entity in 0..*linked.counts.get(kind) {
            let is_left_out = match kind {
                Kind::Function => !live.functions[entity as usize],
                Kind::Global => constant(entity) && !linked.is_exported(kind, entity),
                Kind::Table | Kind::Memory => false,
            };
            let is_import = (entity as usize) < outside;
            let index = (is_import || !is_left_out).then_some(next);
            next += u32::from(index.is_some());
            indexes.get_mut(kind).push(index);
        }
    }
    indexes
}

impl Linked<'_> {
    pub(super) fn is_exported(&self, kind: Kind, entity: u32) -> bool {
        let mut exports = self.exports.iter();
        exports.any(|export| export.kind == kind && export.entity == entity)
    }
}
