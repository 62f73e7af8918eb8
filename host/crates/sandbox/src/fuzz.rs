//! Entry points for fuzzing (tests/fuzz).

use std::sync::LazyLock;

use wasmtime::Engine;

use crate::compile::compile_with;
use crate::engine::compiling_engine;

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| compiling_engine(None).expect("the machine can compile"));

/// Takes the bytes of a component's file as the child process does that compiles it. A file that is
/// refused is refused with a reason.
pub fn component(bytes: &[u8]) {
    if let Err(refused) = compile_with(&ENGINE, bytes) {
        assert!(!refused.to_string().is_empty());
    }
}
