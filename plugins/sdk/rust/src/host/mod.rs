//! The calls of the interface: the imports of the component in WebAssembly, a run in
//! memory (`memory`) in native builds. Both have the same functions.

#[cfg(all(target_family = "wasm", feature = "http"))]
mod http_wasm;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(all(target_family = "wasm", feature = "http"))]
pub(crate) use http_wasm::http_send;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::*;
#[cfg(target_family = "wasm")]
pub(crate) use wasm::*;
