//! Writes the parts of one module with the indexes of the merged module.

use std::convert::Infallible;

use wasm_encoder::Instruction;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasmparser::Operator;

use super::constants::Constant;
use super::entity::{Each, Kind};
use super::link::Member;

/// Writes the parts of one module.
pub(super) struct Renumber<'a> {
    pub(super) member: &'a Member<'a>,
    pub(super) indexes: &'a Each<Vec<Option<u32>>>,
    pub(super) constants: &'a [Option<Constant>],
    /// The number of segments in the modules before this one.
    pub(super) elements: u32,
    pub(super) data: u32,
}

/// What leads nowhere: the validation of the result refuses it.
const NOWHERE: u32 = u32::MAX;

impl Renumber<'_> {
    pub(super) fn index(&self, kind: Kind, index: u32) -> u32 {
        let entity = self.member.entities.get(kind).get(index as usize);
        let found = entity.and_then(|entity| self.indexes.get(kind)[*entity as usize]);
        found.unwrap_or(NOWHERE)
    }

    fn constant(&self, index: u32) -> Option<Constant> {
        let globals = self.member.entities.get(Kind::Global);
        self.constants[*globals.get(index as usize)? as usize]
    }
}

impl Reencode for Renumber<'_> {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.index(Kind::Function, index))
    }

    fn table_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.index(Kind::Table, index))
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.index(Kind::Memory, index))
    }

    fn global_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.index(Kind::Global, index))
    }

    fn type_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        let types = &self.member.types;
        Ok(types.get(index as usize).copied().unwrap_or(NOWHERE))
    }

    fn element_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.elements + index)
    }

    fn data_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.data + index)
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, Error<Infallible>> {
        if let Operator::GlobalGet { global_index } = operator
            && let Some(constant) = self.constant(global_index)
        {
            return Ok(constant.instruction());
        }
        utils::instruction(self, operator)
    }
}
