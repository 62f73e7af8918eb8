//! Facts about a file, read without compiling it.

use std::collections::BTreeSet;

use wasmparser::{
    ComponentExternalKind, ComponentTypeRef, Encoding, ExternalKind, Parser, Payload,
};

use crate::wrap::WrapError;

/// Facts about the file of a component or of a core module.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whether the file is a component. Otherwise it is a core module.
    pub component: bool,
    /// The imports of the file itself.
    pub imports: Vec<Import>,
    /// The names of the exports of the file itself.
    pub exports: Vec<String>,
    /// Whether wit-bindgen's section is there, which names the world of a core module.
    pub has_world: bool,
    /// The number of core modules: 1 for a core module, those inside for a component.
    pub modules: usize,
    /// The smallest size of all memories together, in bytes.
    pub memory: u64,
    /// The bytes of functions' code.
    pub code: u64,
    /// The bytes of data segments.
    pub data: u64,
    /// The bytes of custom sections, such as names of functions and debug information.
    pub custom: u64,
    /// The tools that made the file, by its `producers` section, such as `rustc 1.95.0`.
    pub producers: BTreeSet<String>,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The module that a core module imports from, such as `env`; the interface, for a component.
    pub module: String,
    /// The name of the item; empty for an interface.
    pub name: String,
    /// Whether the import is a type alone, which nobody has to supply.
    pub is_type: bool,
}

impl Facts {
    /// Reads a file.
    ///
    /// # Errors
    /// The bytes are not WebAssembly.
    pub fn read(bytes: &[u8]) -> Result<Self, WrapError> {
        if !bytes.starts_with(b"\0asm") {
            return Err(WrapError::NoMagic);
        }
        let mut facts = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(WrapError::NotWasm)?;
            match &payload {
                Payload::Version { encoding, .. } => facts.begin(*encoding, depth),
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            facts.add(payload, depth).map_err(WrapError::NotWasm)?;
        }
        Ok(facts)
    }

    fn begin(&mut self, encoding: Encoding, depth: usize) {
        if depth == 0 {
            self.component = encoding == Encoding::Component;
        }
        self.modules += usize::from(encoding == Encoding::Module);
    }

    fn add(&mut self, payload: Payload<'_>, depth: usize) -> wasmparser::Result<()> {
        match payload {
            Payload::ImportSection(imports) if depth == 0 => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        is_type: false,
                    });
                }
            }
            Payload::ExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                        self.exports.push(export.name.to_owned());
                    }
                }
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let import = import?;
                    self.imports.push(Import {
                        module: import.name.name.to_owned(),
                        name: String::new(),
                        is_type: matches!(import.ty, ComponentTypeRef::Type(_)),
                    });
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            other => self.measure(other)?,
        }
        Ok(())
    }

    /// Adds sizes, which count at any depth.
    fn measure(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
                    self.memory = self
                        .memory
                        .saturating_add(memory.initial.saturating_mul(page));
                }
            }
            Payload::CodeSectionStart { size, .. } => self.code += u64::from(size),
            Payload::DataSection(data) => self.data += data.range().len() as u64,
            Payload::CustomSection(section) => {
                self.has_world |= section.name().starts_with("component-type");
                self.custom += section.data().len() as u64;
                self.add_producers(&section);
            }
            _ => {}
        }
        Ok(())
    }

    /// The section is only a note, so a damaged one is left out.
    fn add_producers(&mut self, section: &wasmparser::CustomSectionReader<'_>) {
        let wasmparser::KnownCustom::Producers(fields) = section.as_known() else {
            return;
        };
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                let text = format!("{} {}", value.name, value.version);
                self.producers.insert(text.trim().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_read() {
        let module = r#"(module
            (import "env" "abort" (func (param i32 i32 i32 i32)))
            (memory (export "memory") 2)
            (data (i32.const 0) "hello")
            (func (export "handle") (param i32) (result i32) i32.const 0))"#;
        let facts = Facts::read(&wat::parse_str(module).unwrap()).unwrap();
        assert!(!facts.component && !facts.has_world);
        assert_eq!(facts.imports[0].module, "env");
        assert_eq!(facts.imports[0].name, "abort");
        assert_eq!(facts.exports, ["memory", "handle"]);
        assert_eq!((facts.memory, facts.modules), (128 << 10, 1));
        assert!(facts.data >= 5 && facts.code > 0);
    }

    #[test]
    fn a_component_is_read_with_the_modules_inside() {
        let component = r#"(component
            (import "tollgate:handler/config@0.1.0" (instance))
            (core module $a (memory 1))
            (core module $b (memory 2) (data (i32.const 0) "abc"))
            (component (core module (memory 4)))
        )"#;
        let facts = Facts::read(&wat::parse_str(component).unwrap()).unwrap();
        assert!(facts.component);
        assert_eq!(facts.imports[0].module, "tollgate:handler/config@0.1.0");
        assert_eq!((facts.memory, facts.modules), (7 << 16, 3));
    }
}
