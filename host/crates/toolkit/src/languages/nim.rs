//! Nim, by way of C.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::c;
use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

const NIM: Tool = Tool {
    names: &["nim"],
    purpose: "compiles handlers in Nim to C",
    install: Install {
        any: "",
        apt: "nim",
        dnf: "nim",
        apk: "nim",
        brew: "nim",
        otherwise: "install Nim 1.6 or newer as https://nim-lang.org/install.html says",
    },
};

/// Nim, by way of C.
pub(crate) struct Nim;

impl Toolchain for Nim {
    fn name(&self) -> &'static str {
        "nim"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.nim"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("nim"),
            Part::Sdk("nim", "sdk"),
            Part::Sdk("c", "sdk/c"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let nim = NIM.find()?;
        let written = build.work.join("nim");
        // What an earlier build has written, of modules that are no longer imported.
        if written.exists() {
            fs::remove_dir_all(&written).map_err(BuildError::file(&written))?;
        }
        build.say("nim c --compileOnly handler.nim");
        let step = build
            .step(&nim)
            .args(["c", "--hints:off", "--compileOnly", "--noMain"]);
        let step = step.args(["--cpu:wasm32", "--os:any", "--mm:arc", "--threads:off"]);
        let step = step.args(["--exceptions:goto", "-d:release", "-d:useMalloc"]);
        let step = step.args(["-d:noSignalHandler", "--path:sdk"]);
        let step = step.arg(format!("--nimcache:{}", written.display()));
        step.arg("handler.nim").run(build.say)?;
        let sdk = build.folder.join("sdk");
        let c_sdk = sdk.join("c");
        let mut sources = c::sources(&written)?;
        sources.extend(c::sources(&sdk)?);
        sources.extend(c::sources(&c_sdk)?);
        let library = library(build)?;
        // The C that Nim writes is not for people, so nobody reads its warnings.
        c::compile(build, &sources, &[c_sdk, library], &["-w"]).map_err(with_help)
    }

    fn how_to_export(&self) -> &'static str {
        "import tollgate, write `proc onEvent(event: Event): Outcome = …`, and `register(onEvent)` \
         at the end of handler.nim"
    }
}

/// The folder of Nim's own headers.
fn library(build: &Build<'_>) -> Result<PathBuf, BuildError> {
    let step = build
        .step(&NIM.find()?)
        .args(["dump", "--dump.format:json", "."]);
    let dump = step.run(&|_| {})?;
    let dump: Value = serde_json::from_slice(&dump).unwrap_or_default();
    match dump["libpath"].as_str() {
        Some(path) => Ok(path.into()),
        None => Err(NIM.missing("`nim dump` does not tell where its library is")),
    }
}

/// Adds what to do to an error that a new project often has.
fn with_help(error: BuildError) -> BuildError {
    error.shown_as("clang").with_help(|said| {
        let unregistered = said.contains("undefined symbol: tg_nim_handle");
        unregistered.then(|| Nim.how_to_export().to_owned())
    })
}
