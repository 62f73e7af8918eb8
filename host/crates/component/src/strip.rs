//! Takes debug information out of a core module.

use wasm_encoder::{Module, RawSection};
use wasmparser::{Parser, Payload};

use crate::wrap::WrapError;

/// The core module without the custom sections of DWARF. The names of functions stay: a trap shows
/// them.
///
/// # Errors
/// The bytes are no core module.
pub fn without_debug_info(module: &[u8]) -> Result<Vec<u8>, WrapError> {
    let mut stripped = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(WrapError::NotWasm)?;
        if let Payload::CustomSection(section) = &payload
            && section.name().starts_with(".debug_")
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let data = &module[range];
            stripped.section(&RawSection { id, data });
        }
    }
    Ok(stripped.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    #[test]
    fn names_stay_and_debug_information_goes() {
        let text = r#"(module (func $handle (export "handle"))
            (@custom ".debug_info" "much") (@custom ".debug_line" "more")
            (@custom "producers" "\00"))"#;
        let module = wat::parse_str(text).unwrap();
        let stripped = without_debug_info(&module).unwrap();
        let contains = |bytes: &[u8], text: &str| {
            let mut windows = bytes.windows(text.len());
            windows.any(|window| window == text.as_bytes())
        };
        assert!(contains(&module, ".debug_info") && !contains(&stripped, ".debug_"));
        assert!(contains(&stripped, "producers") && contains(&stripped, "handle"));
        Facts::read(&stripped).unwrap();
        assert!(without_debug_info(b"no module").is_err());
    }
}
