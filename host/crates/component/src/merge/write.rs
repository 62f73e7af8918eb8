//! Writes the merged module.

use wasm_encoder::reencode::Reencode as _;
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, ExportSection, FunctionSection,
    GlobalSection, ImportSection, MemorySection, Module, TableSection, TypeSection,
};

use super::constants::{constants, is_fixed};
use super::entity::Kind;
use super::error::MergeError;
use super::link::{Linked, Member};
use super::live::{Live, final_indexes};
use super::names::{names, producers};
use super::renumber::Renumber;

/// The module that the merged module imports everything from.
pub(super) const OUTSIDE: &str = "outside";

/// The sections that each module adds to.
#[derive(Default)]
struct Sections {
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
}

/// Writes the merged module.
pub(super) fn write(linked: &Linked<'_>) -> Result<Vec<u8>, MergeError> {
    let live = Live::find(linked)?;
    let constants = constants(linked, &live)?;
    let indexes = final_indexes(linked, &live, |entity| constants[entity as usize].is_some());
    let (mut elements, mut data) = (0, 0);
    let mut renumbers = Vec::new();
    for member in &linked.members {
        renumbers.push(Renumber {
            member,
            indexes: &indexes,
            constants: &constants,
            elements,
            data,
        });
        elements += u32::try_from(member.module.elements.len()).unwrap_or(u32::MAX);
        data += u32::try_from(member.module.data.len()).unwrap_or(u32::MAX);
    }
    let mut sections = Sections::default();
    for renumber in &mut renumbers {
        sections.add(linked, &live, renumber)?;
    }
    let mut exports = ExportSection::new();
    for export in &linked.exports {
        let index = indexes.get(export.kind)[export.entity as usize].unwrap_or(u32::MAX);
        exports.export(&export.name, export.kind.into(), index);
    }
    let mut module = Module::new();
    module.section(&types(linked, &mut renumbers)?);
    module.section(&imports(linked, &mut renumbers)?);
    module.section(&sections.functions);
    module.section(&sections.tables);
    module.section(&sections.memories);
    module.section(&sections.globals);
    module.section(&exports);
    module.section(&sections.elements);
    module.section(&DataCountSection { count: data });
    module.section(&sections.code);
    module.section(&sections.data);
    module.section(&names(linked, &indexes));
    module.section(&producers(linked));
    Ok(module.finish())
}

fn types(linked: &Linked<'_>, renumbers: &mut [Renumber<'_>]) -> Result<TypeSection, MergeError> {
    let mut types = TypeSection::new();
    if let Some(any) = renumbers.first_mut() {
        for ty in &linked.types {
            types.ty().func_type(&any.func_type(ty.clone())?);
        }
    }
    Ok(types)
}

fn imports(
    linked: &Linked<'_>,
    renumbers: &mut [Renumber<'_>],
) -> Result<ImportSection, MergeError> {
    let mut imports = ImportSection::new();
    for (number, one) in linked.outside.iter().enumerate() {
        let ty = renumbers[one.member].entity_type(one.ty)?;
        imports.import(OUTSIDE, &number.to_string(), ty);
    }
    Ok(imports)
}

impl Sections {
    fn add(
        &mut self,
        linked: &Linked<'_>,
        live: &Live,
        renumber: &mut Renumber<'_>,
    ) -> Result<(), MergeError> {
        let member = renumber.member;
        let module = &member.module;
        self.add_functions(live, member, renumber)?;
        for table in &module.tables {
            renumber.parse_table(&mut self.tables, table.clone())?;
        }
        for memory in &module.memories {
            self.memories.memory(renumber.memory_type(*memory)?);
        }
        for (number, entity) in member.own(Kind::Global).iter().enumerate() {
            if renumber.indexes.get(Kind::Global)[*entity as usize].is_none() {
                continue;
            }
            let global = &module.globals[number];
            let mut ty = renumber.global_type(global.ty)?;
            ty.mutable = !is_fixed(linked, live, *entity, ty.mutable);
            let init = renumber.const_expr(global.init_expr.clone())?;
            self.globals.global(ty, &init);
        }
        for element in &module.elements {
            renumber.parse_element(&mut self.elements, element.clone())?;
        }
        for data in &module.data {
            renumber.parse_data(&mut self.data, data.clone())?;
        }
        Ok(())
    }

    fn add_functions(
        &mut self,
        live: &Live,
        member: &Member<'_>,
        renumber: &mut Renumber<'_>,
    ) -> Result<(), MergeError> {
        let module = &member.module;
        let bodies = module.functions.iter().zip(&module.bodies);
        for (entity, (ty, body)) in member.own(Kind::Function).iter().zip(bodies) {
            if live.functions[*entity as usize] {
                self.functions.function(renumber.type_index(*ty)?);
                renumber.parse_function_body(&mut self.code, body.clone())?;
            }
        }
        Ok(())
    }
}
