//! The parts of a component that a merge has to know, in their order.

use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentAliasSectionReader,
    ComponentCanonicalSectionReader, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeSectionReader, Instance,
    InstanceSectionReader, Parser, Payload,
};

use super::entity::{Each, Kind};
use super::error::{MergeError, at};

/// The first bytes of a component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// A part of a component.
pub(super) enum Item<'a> {
    /// A section that is copied as it is.
    Section { id: u8, data: &'a [u8] },
    /// A nested component.
    Component(&'a [u8]),
    /// A core module.
    Module(&'a [u8]),
    /// An instance of a core module, or a bag of entities under names.
    Instance(Instance<'a>),
    /// An alias of what a core instance exports.
    Alias {
        kind: Kind,
        instance: u32,
        name: &'a str,
    },
    /// An alias of something else, which is copied as it is.
    OtherAlias(ComponentAlias<'a>),
    /// A function that the component model lifts, lowers or supplies.
    Canon(CanonicalFunction),
}

/// The parts of one component, without those of nested components.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// The items that define core modules, by the modules' indexes.
    pub(super) modules: Vec<usize>,
    /// The items that define core instances, by the instances' indexes.
    pub(super) instances: Vec<usize>,
    /// The items that define core entities, by the entities' indexes.
    pub(super) entities: Each<Vec<usize>>,
}

impl<'a> Scope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, MergeError> {
        let sections = bytes.strip_prefix(HEADER).ok_or(MergeError::NoComponent)?;
        let mut scope = Self::default();
        let mut reader = BinaryReader::new(sections, HEADER.len());
        while !reader.eof() {
            let id = reader.read_u8()?;
            let size = reader.read_var_u32()?;
            let start = reader.original_position();
            let data = reader.read_bytes(size as usize)?;
            scope.read_section(id, data, start)?;
        }
        Ok(scope)
    }

    fn read_section(&mut self, id: u8, data: &'a [u8], start: usize) -> Result<(), MergeError> {
        let reader = BinaryReader::new(data, start);
        match id {
            // The names of indexes that will change.
            0 if data.starts_with(b"\x0ecomponent-name") => {}
            1 => self.push(Item::Module(data)),
            2 => {
                for instance in InstanceSectionReader::new(reader)? {
                    self.push(Item::Instance(instance?));
                }
            }
            4 => self.push(Item::Component(data)),
            6 => {
                for alias in ComponentAliasSectionReader::new(reader)? {
                    self.push_alias(alias?)?;
                }
            }
            7 => {
                for one in ComponentTypeSectionReader::new(reader)? {
                    // Its index would change, and stands within the section.
                    if let ComponentType::Resource { dtor: Some(_), .. } = one? {
                        return Err(MergeError::Unknown("a resource with a destructor"));
                    }
                }
                self.push(Item::Section { id, data });
            }
            8 => {
                for function in ComponentCanonicalSectionReader::new(reader)? {
                    self.push(Item::Canon(function?));
                }
            }
            _ => self.push(Item::Section { id, data }),
        }
        Ok(())
    }

    fn push_alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), MergeError> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index: instance,
                name,
            } => {
                let kind = Kind::of(kind)?;
                self.push(Item::Alias {
                    kind,
                    instance,
                    name,
                });
            }
            other => self.push(Item::OtherAlias(other)),
        }
        Ok(())
    }

    fn push(&mut self, item: Item<'a>) {
        let number = self.items.len();
        match &item {
            Item::Module(_) => self.modules.push(number),
            Item::Instance(_) => self.instances.push(number),
            Item::Alias { kind, .. } => self.entities.get_mut(*kind).push(number),
            Item::Canon(function) if !matches!(function, CanonicalFunction::Lift { .. }) => {
                self.entities.get_mut(Kind::Function).push(number);
            }
            _ => {}
        }
        self.items.push(item);
    }

    /// The instance with an index.
    pub(super) fn instance(&self, index: u32) -> Result<&Instance<'a>, MergeError> {
        match &self.items[at(&self.instances, index, "core instance")?] {
            Item::Instance(instance) => Ok(instance),
            _ => Err(MergeError::Missing(format!("core instance {index}"))),
        }
    }

    /// The bytes of the module with an index.
    pub(super) fn module(&self, index: u32) -> Result<&'a [u8], MergeError> {
        match &self.items[at(&self.modules, index, "core module")?] {
            Item::Module(bytes) => Ok(bytes),
            _ => Err(MergeError::Missing(format!("core module {index}"))),
        }
    }

    /// The item that defines an entity.
    pub(super) fn defines(&self, kind: Kind, index: u32) -> Result<usize, MergeError> {
        at(self.entities.get(kind), index, "core entity")
    }
}

/// Refuses a component in which core modules are handed about: their indexes stand where
/// [`Scope`] does not look.
pub(super) fn refuse_shared_modules(component: &[u8]) -> Result<(), MergeError> {
    let module = ComponentExternalKind::Module;
    for payload in Parser::new(0).parse_all(component) {
        let handed_about = match payload? {
            Payload::ComponentAliasSection(aliases) => any(aliases, |alias| {
                matches!(
                    alias,
                    ComponentAlias::Outer {
                        kind: ComponentOuterAliasKind::CoreModule,
                        ..
                    }
                ) || matches!(alias, ComponentAlias::InstanceExport { kind, .. } if *kind == module)
            })?,
            Payload::ComponentImportSection(imports) => any(imports, |import| {
                matches!(import.ty, wasmparser::ComponentTypeRef::Module(_))
            })?,
            Payload::ComponentExportSection(exports) => {
                any(exports, |export| export.kind == module)?
            }
            Payload::ComponentInstanceSection(instances) => {
                any(instances, |instance| match instance {
                    ComponentInstance::Instantiate { args, .. } => {
                        args.iter().any(|arg| arg.kind == module)
                    }
                    ComponentInstance::FromExports(exports) => {
                        exports.iter().any(|export| export.kind == module)
                    }
                })?
            }
            Payload::ComponentStartSection { .. } => true,
            _ => false,
        };
        if handed_about {
            return Err(MergeError::Unknown("core modules that are handed about"));
        }
    }
    Ok(())
}

fn any<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
    test: impl Fn(&T) -> bool,
) -> Result<bool, MergeError> {
    for item in section {
        if test(&item?) {
            return Ok(true);
        }
    }
    Ok(false)
}
