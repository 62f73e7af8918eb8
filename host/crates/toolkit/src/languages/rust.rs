//! Rust, by cargo.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::program::find;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

/// The target whose standard library needs no system.
const TARGET: &str = "wasm32-unknown-unknown";

const CARGO: Tool = Tool {
    names: &["cargo"],
    purpose: "builds handlers in Rust",
    install: Install {
        apk: "rustup",
        brew: "rustup",
        otherwise: "install rustup as https://rustup.rs says, in your own account",
        any: "",
        apt: "",
        dnf: "rustup",
    },
};

const LIBRARY: Tool = Tool {
    names: &["the standard library for wasm32-unknown-unknown"],
    purpose: "is linked into handlers in Rust",
    install: Install {
        any: "rustup target add wasm32-unknown-unknown",
        apt: "",
        dnf: "",
        apk: "",
        brew: "",
        otherwise: "",
    },
};

/// Rust, by cargo.
pub(crate) struct Rust;

impl Toolchain for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["Cargo.toml"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("rust"),
            Part::Sdk("rust", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let cargo = CARGO.find()?;
        require_target(build)?;
        build.say("cargo build --release --target wasm32-unknown-unknown");
        let step = build.step(&cargo).args(["build", "--release"]);
        let step = step.args(["--target", TARGET]);
        let out = step
            .arg("--message-format=json-render-diagnostics")
            .run(build.say)?;
        match module_of(&out) {
            Some(file) => build.read(&file),
            None => Err(BuildError::wrong(
                "cargo built no WebAssembly module: the package is no `cdylib`",
                "write into Cargo.toml:\n    [lib]\n    crate-type = [\"cdylib\"]",
            )),
        }
    }

    fn how_to_export(&self) -> &'static str {
        "name the function in src/lib.rs: `tollgate_handler::handler!(handle);`"
    }

    fn how_to_avoid(&self, module: &str, _: &str) -> Option<String> {
        let bindgen = module.starts_with("__wbindgen") || module.starts_with("__wbg");
        bindgen.then(|| {
            "a dependency is built for browsers, with wasm-bindgen: switch off its feature for \
             JavaScript (often `js` or `wasm-bindgen`), or use another crate"
                .to_owned()
        })
    }
}

/// Fails if the toolchain cannot compile for the target.
fn require_target(build: &Build<'_>) -> Result<(), BuildError> {
    let Some(rustc) = find(&["rustc"]) else {
        return Err(CARGO.missing("there is a cargo, but no rustc"));
    };
    // In the project's folder, since its `rust-toolchain.toml` chooses the toolchain.
    let sysroot = build
        .step(&rustc)
        .args(["--print", "sysroot"])
        .run(build.say)?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot).trim_end());
    let library = Path::new("lib/rustlib").join(TARGET);
    if sysroot.join(library).join("lib").is_dir() {
        return Ok(());
    }
    let why = format!("{} has none", sysroot.display());
    Err(LIBRARY.missing(why))
}

/// The module that cargo built, by its messages: the last artifact is the project's own.
fn module_of(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|byte| *byte == b'\n').rev();
    let mut messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    messages.find_map(|message| {
        if message["reason"] != "compiler-artifact" {
            return None;
        }
        let files = message["filenames"].as_array()?;
        let mut files = files.iter().filter_map(Value::as_str);
        files
            .find(|file| file.ends_with(".wasm"))
            .map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_last_artifact() {
        let messages = br#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}
{"reason":"compiler-artifact","filenames":["/t/refunds.wasm"]}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(module_of(messages), Some("/t/refunds.wasm".into()));
        assert_eq!(module_of(b"{\"reason\":\"build-finished\"}\n"), None);
    }
}
