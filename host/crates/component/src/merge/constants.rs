//! Globals that have one value for ever.
//!
//! A shared library finds its place in memory and the addresses of others in globals. In the merged
//! module these are known: a constant instead of each read makes the code faster, and lets the
//! engine fill tables ahead of time.

use wasm_encoder::Instruction;
use wasmparser::{ConstExpr, Operator};

use super::entity::Kind;
use super::error::{MergeError, at};
use super::link::{Linked, Member};
use super::live::Live;

/// The value of a global.
#[derive(Debug, Clone, Copy)]
pub(super) enum Constant {
    I32(i32),
    I64(i64),
}

impl Constant {
    pub(super) fn instruction(self) -> Instruction<'static> {
        match self {
            Self::I32(value) => Instruction::I32Const(value),
            Self::I64(value) => Instruction::I64Const(value),
        }
    }
}

/// The values of globals, by entity. `None` if the value is not known or may change.
pub(super) fn constants(
    linked: &Linked<'_>,
    live: &Live,
) -> Result<Vec<Option<Constant>>, MergeError> {
    let mut constants = vec![None; *linked.counts.get(Kind::Global) as usize];
    for member in &linked.members {
        for (global, entity) in member.module.globals.iter().zip(member.own(Kind::Global)) {
            if is_fixed(linked, live, *entity, global.ty.mutable) {
                constants[*entity as usize] = value(member, &global.init_expr, &constants)?;
            }
        }
    }
    Ok(constants)
}

/// Whether nothing changes a global: neither the merged code nor whoever gets the export.
pub(super) fn is_fixed(linked: &Linked<'_>, live: &Live, entity: u32, mutable: bool) -> bool {
    let changes = live.set[entity as usize] || linked.is_exported(Kind::Global, entity);
    !mutable || !changes
}

fn value(
    member: &Member<'_>,
    expression: &ConstExpr<'_>,
    known: &[Option<Constant>],
) -> Result<Option<Constant>, MergeError> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read()? {
        Operator::I32Const { value } => Some(Constant::I32(value)),
        Operator::I64Const { value } => Some(Constant::I64(value)),
        Operator::GlobalGet { global_index } => {
            let globals = member.entities.get(Kind::Global);
            known[at(globals, global_index, "global")? as usize]
        }
        _ => None,
    };
    // A longer expression is left to the engine.
    Ok(value.filter(|_| operators.is_end_then_eof()))
}
