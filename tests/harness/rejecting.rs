//! A component that loads like a good one and rejects every event.

use wasmparser::{Parser, Payload};

/// A handler of the same world as `like`, a core module, that rejects every event with `reason`.
pub(crate) fn rejecting(like: &[u8], reason: &str) -> Vec<u8> {
    let mut module = module(reason);
    for payload in Parser::new(0).parse_all(like) {
        if let Payload::CustomSection(section) = payload.unwrap()
            && section.name().starts_with("component-type")
        {
            let custom = wasm_encoder::CustomSection {
                name: section.name().into(),
                data: section.data().into(),
            };
            wasm_encoder::Section::append_to(&custom, &mut module);
        }
    }
    module
}

fn module(reason: &str) -> Vec<u8> {
    // The answer's kind is at 1024 (1: a failure), its case 8 further (1: reject), the reason's
    // address and length at 16 and 20.
    let text = format!(
        r#"(module
            (memory (export "memory") 16)
            (data (i32.const 0) "{reason}")
            (global $top (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                (global.set $top (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func (export "handle") (param i32) (result i32)
                (i32.store8 (i32.const 1024) (i32.const 1))
                (i32.store8 offset=8 (i32.const 1024) (i32.const 1))
                (i32.store offset=20 (i32.const 1024) (i32.const {length}))
                (i32.const 1024)))"#,
        length = reason.len(),
    );
    wat::parse_str(&text).unwrap()
}
