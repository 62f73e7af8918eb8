//! Makes a component out of the file that a toolchain wrote.
//!
//! The file is a component, or a core module with a custom section in which wit-bindgen has put
//! the world of the module. This module wraps such a core module, so that the plain output of a
//! toolchain can be used as it is.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Encoding, Parser, Payload};

/// Why no component can be made out of a file.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// The file does not begin as WebAssembly does.
    #[error("is not WebAssembly: the file does not begin with the bytes `\\0asm`")]
    NoMagic,
    /// The file is neither a component nor a core module.
    #[error("is not WebAssembly: {0}")]
    NotWasm(wasmparser::BinaryReaderError),
    /// The core module does not name the world that it was built against.
    #[error(
        "is a core module without a `component-type` section: build it against the world \
         `tollgate:handler/handler` with wit-bindgen, or make it a component"
    )]
    NoWorld,
    /// The core module does not fit the world that it names.
    #[error("cannot be made a component: {0}")]
    DoesNotFit(String),
}

/// The component in `bytes`: the bytes themselves, or a component that wraps the core module.
///
/// # Errors
/// Says why no component can be made out of the bytes.
pub fn to_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, WrapError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(WrapError::NoMagic);
    }
    match read_header(bytes)? {
        Header::Component => Ok(Cow::Borrowed(bytes)),
        Header::Module {
            has_world: false, ..
        } => Err(WrapError::NoWorld),
        Header::Module { needs_adapter, .. } => wrap(bytes, needs_adapter).map(Cow::Owned),
    }
}

enum Header {
    Component,
    Module {
        has_world: bool,
        needs_adapter: bool,
    },
}

fn read_header(bytes: &[u8]) -> Result<Header, WrapError> {
    let (mut has_world, mut needs_adapter) = (false, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(WrapError::NotWasm)? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Ok(Header::Component),
            Payload::CustomSection(section) => {
                has_world |= section.name().starts_with("component-type");
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(WrapError::NotWasm)?;
                    needs_adapter |= import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
                }
            }
            _ => {}
        }
    }
    Ok(Header::Module {
        has_world,
        needs_adapter,
    })
}

fn wrap(module: &[u8], needs_adapter: bool) -> Result<Vec<u8>, WrapError> {
    let encode = || {
        let mut encoder = wit_component::ComponentEncoder::default()
            .validate(true)
            .module(module)?;
        if needs_adapter {
            encoder = encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?;
        }
        encoder.encode()
    };
    encode().map_err(|error| WrapError::DoesNotFit(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_wasm() {
        assert!(matches!(
            to_component(b"hello, world"),
            Err(WrapError::NoMagic)
        ));
        assert!(matches!(to_component(b""), Err(WrapError::NoMagic)));
        assert!(matches!(
            to_component(b"\0asm\x09\0\0\0"),
            Err(WrapError::NotWasm(_))
        ));
    }

    #[test]
    fn a_half_written_file_is_not_wasm() {
        let whole =
            wat::parse_str("(module (func (export \"f\") (result i32) i32.const 1))").unwrap();
        assert!(matches!(
            to_component(&whole[..whole.len() - 3]),
            Err(WrapError::NotWasm(_))
        ));
    }

    #[test]
    fn a_module_without_a_world_is_named_as_such() {
        let module = wat::parse_str("(module)").unwrap();
        assert!(matches!(to_component(&module), Err(WrapError::NoWorld)));
    }

    #[test]
    fn a_component_stays_as_it_is() {
        let component = wat::parse_str("(component)").unwrap();
        assert!(matches!(to_component(&component), Ok(Cow::Borrowed(_))));
    }
}
