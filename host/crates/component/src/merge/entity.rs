//! Entities of core WebAssembly: functions, tables, memories and globals.

use wasm_encoder::ExportKind;
use wasmparser::{ExternalKind, TypeRef};

use super::error::MergeError;

/// The kind of an entity. Each kind has an index space of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Function,
    Table,
    Memory,
    Global,
}

/// A value for each kind.
#[derive(Debug, Default, Clone)]
pub(super) struct Each<T> {
    functions: T,
    tables: T,
    memories: T,
    globals: T,
}

impl<T> Each<T> {
    pub(super) fn get(&self, kind: Kind) -> &T {
        match kind {
            Kind::Function => &self.functions,
            Kind::Table => &self.tables,
            Kind::Memory => &self.memories,
            Kind::Global => &self.globals,
        }
    }

    pub(super) fn get_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Function => &mut self.functions,
            Kind::Table => &mut self.tables,
            Kind::Memory => &mut self.memories,
            Kind::Global => &mut self.globals,
        }
    }
}

impl Kind {
    /// The kind of an export or an alias.
    pub(super) fn of(kind: ExternalKind) -> Result<Self, MergeError> {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => Ok(Self::Function),
            ExternalKind::Table => Ok(Self::Table),
            ExternalKind::Memory => Ok(Self::Memory),
            ExternalKind::Global => Ok(Self::Global),
            ExternalKind::Tag => Err(MergeError::Unknown("exception tags")),
        }
    }

    /// The kind of an import.
    pub(super) fn of_import(import: TypeRef) -> Result<Self, MergeError> {
        match import {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => Ok(Self::Function),
            TypeRef::Table(_) => Ok(Self::Table),
            TypeRef::Memory(_) => Ok(Self::Memory),
            TypeRef::Global(_) => Ok(Self::Global),
            TypeRef::Tag(_) => Err(MergeError::Unknown("exception tags")),
        }
    }
}

impl From<Kind> for ExportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Function => Self::Func,
            Kind::Table => Self::Table,
            Kind::Memory => Self::Memory,
            Kind::Global => Self::Global,
        }
    }
}
