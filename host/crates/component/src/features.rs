//! The proposals of WebAssembly that a file needs.

use wasmparser::{Validator, WasmFeatures};

/// A proposal that not every engine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// How to build without it.
    pub instead: &'static str,
    bits: WasmFeatures,
}

/// The proposals that toolchains use and that handlers cannot have.
const FEATURES: [Feature; 7] = [
    Feature {
        name: "exceptions",
        instead: "build without exceptions, or with errors as values: with clang or emscripten \
                  `-fno-exceptions`, with Nim `--exceptions:goto`",
        bits: WasmFeatures::EXCEPTIONS,
    },
    Feature {
        name: "garbage collection",
        instead: "the gateway's engine is built without it, so languages whose objects are \
                  WebAssembly's (Kotlin, Dart, Java by j2wasm) cannot run; those that bring their \
                  own collector (Go, JavaScript, Python) can",
        bits: WasmFeatures::GC,
    },
    Feature {
        name: "threads",
        instead: "an instance has one thread: build without shared memory, with clang without \
                  `-pthread`, with Rust for wasm32-unknown-unknown",
        bits: WasmFeatures::THREADS,
    },
    Feature {
        name: "64-bit memories",
        instead: "build for wasm32",
        bits: WasmFeatures::MEMORY64,
    },
    Feature {
        name: "async functions of the component model",
        instead: "export `handle` as a plain function: with componentize-qjs `--sync`",
        bits: WasmFeatures::CM_ASYNC,
    },
    Feature {
        name: "stack switching",
        instead: "build without coroutines of WebAssembly",
        bits: WasmFeatures::STACK_SWITCHING,
    },
    Feature {
        name: "legacy exceptions",
        instead: "build without exceptions, or with the newer form of them",
        bits: WasmFeatures::LEGACY_EXCEPTIONS,
    },
];

/// The proposals that a file needs, of those that handlers cannot have. None if the file is not
/// valid with all proposals either.
pub fn unusual(bytes: &[u8]) -> Vec<Feature> {
    let valid_with = |features| {
        let mut validator = Validator::new_with_features(features);
        validator.validate_all(bytes).is_ok()
    };
    let all = WasmFeatures::all();
    if !valid_with(all) {
        return Vec::new();
    }
    let needed = |feature: &Feature| !valid_with(all.difference(feature.bits));
    FEATURES.into_iter().filter(needed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let found = unusual(&wat::parse_str(text).unwrap());
        found.into_iter().map(|feature| feature.name).collect()
    }

    #[test]
    fn proposals_are_named() {
        assert_eq!(names("(module (func (export \"f\")))"), [""; 0]);
        assert_eq!(names("(module (tag))"), ["exceptions"]);
        assert_eq!(names("(module (memory 1 1 shared))"), ["threads"]);
        assert_eq!(
            names("(module (type (struct (field i32))))"),
            ["garbage collection"]
        );
        assert_eq!(names("(module (memory i64 1))"), ["64-bit memories"]);
    }
}
