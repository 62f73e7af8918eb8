//! Zig, by its own compiler, which compiles the C of the SDK too.

use std::path::Path;

use tollgate_component::without_debug_info;

use super::c;
use crate::bindings;
use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

/// The versions that the SDK is written for. Zig changes its language and library between them.
const VERSION: &str = "0.17";

const ZIG: Tool = Tool {
    names: &["zig"],
    purpose: "compiles handlers in Zig",
    install: Install {
        any: "",
        // Debian has no Zig.
        apt: "",
        dnf: "",
        apk: "",
        brew: "",
        otherwise: "install Zig 0.17 as https://ziglang.org/download says, or `pip install \
                    ziglang==0.17.1` into a venv and put a link to its `zig` into PATH",
    },
};

/// Zig, by its own compiler.
pub(crate) struct Zig;

impl Toolchain for Zig {
    fn name(&self) -> &'static str {
        "zig"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.zig"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("zig"),
            Part::Sdk("zig", "sdk"),
            Part::Sdk("c", "sdk/c"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let zig = ZIG.find()?;
        require_version(build, &zig)?;
        let generated = build.work.join("bindings");
        bindings::write_c(&generated)?;
        build.say("zig build-exe -target wasm32-wasi -O ReleaseSafe …");
        let output = build.work.join("module.wasm");
        let step = build.step(&zig);
        // The checks of the language stay: an overflow and a wrong index end the run.
        let step = step.args(["build-exe", "-target", "wasm32-wasi", "-O", "ReleaseSafe"]);
        let step = step.args(["-lc", "-fno-entry", "-mexec-model=reactor"]);
        let step = step.args(["--stack", "262144", "--cache-dir"]);
        let step = step.arg(build.work.join("zig-cache"));
        let c_sdk = build.folder.join("sdk/c");
        let step = step.arg("-I").arg(&c_sdk).arg("-I").arg(&generated);
        let step = step.args(c::sources(&c_sdk)?);
        let step = step.arg(generated.join("handler.c"));
        let step = step.arg(generated.join("handler_component_type.o"));
        let step = step.args(["--dep", "handler", "--dep", "tollgate"]);
        let step = step.args(["-Mroot=sdk/entry.zig", "--dep", "tollgate"]);
        let step = step.args(["-Mhandler=handler.zig", "-Mtollgate=sdk/tollgate.zig"]);
        let step = step.arg(format!("-femit-bin={}", output.display()));
        step.run(build.say).map_err(with_help)?;
        let module = build.read(&output)?;
        without_debug_info(&module)
            .map_err(|error| BuildError::wrong(format!("the module {error}"), ""))
    }

    fn how_to_export(&self) -> &'static str {
        "write `pub fn onEvent(event: tollgate.Event) !tollgate.Outcome { … }` in handler.zig"
    }
}

/// Fails if the compiler is of another version than the SDK.
fn require_version(build: &Build<'_>, zig: &Path) -> Result<(), BuildError> {
    let version = build.step(zig).arg("version").run(build.say)?;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    if version
        .strip_prefix(VERSION)
        .is_some_and(|rest| rest.starts_with('.'))
    {
        return Ok(());
    }
    Err(ZIG.missing(format!(
        "{} is {version}, and the SDK is for {VERSION}",
        zig.display()
    )))
}

/// Adds what to do to an error that a new project often has.
fn with_help(error: BuildError) -> BuildError {
    error.shown_as("zig build-exe").with_help(|said| {
        let unnamed = said.contains("has no member named 'onEvent'");
        unnamed.then(|| Zig.how_to_export().to_owned())
    })
}
