//! A core module as a merge needs it.

use std::collections::HashMap;

use wasmparser::{
    Data, Element, ExportSectionReader, FuncType, FunctionBody, Global, Import,
    ImportSectionReader, MemoryType, Parser, Payload, Table,
};

use super::entity::{Each, Kind};
use super::error::MergeError;

/// The sections of a core module.
#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) types: Vec<FuncType>,
    pub(super) imports: Vec<Import<'a>>,
    /// The types of the module's own functions.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (Kind, u32)>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// The names of functions, by index.
    pub(super) names: Vec<(u32, &'a str)>,
    /// Which tools made the module: field, name, version.
    pub(super) producers: Vec<(&'a str, &'a str, &'a str)>,
    /// The number of imports of each kind.
    pub(super) imported: Each<u32>,
}

impl<'a> Module<'a> {
    /// Reads a module. `None` if the module has a start function.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, MergeError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::StartSection { .. } => return Ok(None),
                payload => module.add(payload)?,
            }
        }
        Ok(Some(module))
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<(), MergeError> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    self.add_types(group?)?;
                }
            }
            Payload::ImportSection(section) => {
                self.imports = imports(section)?;
                for import in &self.imports {
                    *self.imported.get_mut(Kind::of_import(import.ty)?) += 1;
                }
            }
            Payload::FunctionSection(types) => self.functions = all(types)?,
            Payload::TableSection(tables) => self.tables = all(tables)?,
            Payload::MemorySection(memories) => self.memories = all(memories)?,
            Payload::GlobalSection(globals) => self.globals = all(globals)?,
            Payload::ExportSection(section) => self.exports = exports(section)?,
            Payload::ElementSection(elements) => self.elements = all(elements)?,
            Payload::DataSection(data) => self.data = all(data)?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => self.add_custom(&section),
            Payload::TagSection(_) => return Err(MergeError::Unknown("exception tags")),
            _ => {}
        }
        Ok(())
    }

    fn add_types(&mut self, group: wasmparser::RecGroup) -> Result<(), MergeError> {
        let plain = !group.is_explicit_rec_group();
        for sub in group.into_types() {
            let plain = plain && sub.is_final && sub.supertype_idx.is_none();
            match sub.composite_type.inner {
                wasmparser::CompositeInnerType::Func(function) if plain => {
                    self.types.push(function);
                }
                _ => return Err(MergeError::Unknown("types of garbage collection")),
            }
        }
        Ok(())
    }

    /// Both sections are only notes, so a damaged one is left out.
    fn add_custom(&mut self, section: &wasmparser::CustomSectionReader<'a>) {
        match section.as_known() {
            wasmparser::KnownCustom::Name(names) => {
                for name in names.into_iter().flatten() {
                    if let wasmparser::Name::Function(map) = name {
                        let names = map.into_iter().flatten();
                        self.names = names.map(|one| (one.index, one.name)).collect();
                    }
                }
            }
            wasmparser::KnownCustom::Producers(fields) => {
                for field in fields.into_iter().flatten() {
                    for value in field.values.into_iter().flatten() {
                        self.producers.push((field.name, value.name, value.version));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The imports of a module, in order.
pub(super) fn imports(section: ImportSectionReader<'_>) -> Result<Vec<Import<'_>>, MergeError> {
    Ok(section.into_imports().collect::<Result<_, _>>()?)
}

/// The exports of a module by their names.
pub(super) fn exports(
    section: ExportSectionReader<'_>,
) -> Result<HashMap<&str, (Kind, u32)>, MergeError> {
    let exports = section.into_iter().map(|export| {
        let export = export?;
        Ok((export.name, (Kind::of(export.kind)?, export.index)))
    });
    exports.collect()
}

fn all<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
) -> Result<Vec<T>, MergeError> {
    Ok(section.into_iter().collect::<Result<_, _>>()?)
}
