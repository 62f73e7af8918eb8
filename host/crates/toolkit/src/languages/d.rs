//! D, by LDC.

use super::c;
use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

const LDC: Tool = Tool {
    names: &["ldc2"],
    purpose: "compiles handlers in D",
    install: Install {
        any: "",
        apt: "ldc",
        dnf: "ldc",
        apk: "ldc",
        brew: "ldc",
        otherwise: "install LDC 1.30 or newer as https://wiki.dlang.org/LDC says",
    },
};

/// D, by LDC.
pub(crate) struct D;

impl Toolchain for D {
    fn name(&self) -> &'static str {
        "d"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.d"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("d"),
            Part::Sdk("d", "sdk"),
            Part::Sdk("c", "sdk/c"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let ldc = LDC.find()?;
        build.say("ldc2 -betterC -mtriple=wasm32-unknown-unknown-wasm …");
        let object = build.work.join("handler.o");
        let step = build.step(&ldc);
        let step = step.args(["-c", "-betterC", "-mtriple=wasm32-unknown-unknown-wasm"]);
        // The checks of the language stay, and call a function of the SDK.
        let step = step.args(["-checkaction=C", "-boundscheck=on", "-O2", "-Isdk"]);
        let step = step.args(["handler.d", "sdk/tollgate.d"]);
        let step = step.arg(format!("-of={}", object.display()));
        step.run(build.say)
            .map_err(|error| error.shown_as("ldc2"))?;
        let c_sdk = build.folder.join("sdk/c");
        let mut sources = c::sources(&c_sdk)?;
        sources.push(object);
        c::compile(build, &sources, &[c_sdk], &[]).map_err(with_help)
    }

    fn how_to_export(&self) -> &'static str {
        "import tollgate, write `Outcome onEvent(ref const Event event) { … }`, and `mixin \
         register!onEvent;` at the end of handler.d"
    }
}

/// Adds what to do to an error that a new project often has.
fn with_help(error: BuildError) -> BuildError {
    error.shown_as("clang").with_help(|said| {
        let unregistered = said.contains("undefined symbol: handle");
        unregistered.then(|| D.how_to_export().to_owned())
    })
}
