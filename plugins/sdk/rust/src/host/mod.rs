//! The calls of the interface: the imports of the component in WebAssembly, a run in
//! memory (`memory`) in native builds. Both have the same functions.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::*;
#[cfg(target_family = "wasm")]
pub(crate) use wasm::*;
