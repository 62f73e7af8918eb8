//! A component that imports WASI, as toolchains for `wasm32-wasip1` and `wasm32-wasip2` write it.

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A core module that asks WASI 0.1 to yield, and then answers `done`: 1,024 bytes into its memory
/// there are only zeros, and these say `ok(done)`.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at
            (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "handle") (param i32) (result i32)
        (drop (call $yield))
        (i32.const 1024)))"#;

/// Returns a core module for the world of handlers that imports WASI 0.1.
pub(crate) fn wasi_guest() -> Vec<u8> {
    embedded(MODULE)
}

/// Returns a module with the world of handlers in it, as toolchains write it.
pub(crate) fn embedded(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(folder).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}
