//! C, by clang.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bindings;
use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

const CLANG: Tool = Tool {
    names: &["clang-19", "clang-20", "clang-21", "clang-18", "clang"],
    purpose: "compiles handlers in C",
    install: INSTALL,
};

const LINKER: Tool = Tool {
    names: &[
        "wasm-ld-19",
        "wasm-ld-20",
        "wasm-ld-21",
        "wasm-ld-18",
        "wasm-ld",
    ],
    purpose: "links handlers in C",
    install: INSTALL,
};

const INSTALL: Install = Install {
    any: "",
    apt: "clang-19 lld-19 wasi-libc",
    dnf: "clang lld wasi-libc-devel",
    apk: "clang lld wasi-libc",
    brew: "llvm lld wasi-libc",
    otherwise: "install clang 18 or newer with wasm-ld, and wasi-libc",
};

/// The checks that are compiled in. Each ends the run with a trap. In WebAssembly an address of
/// zero is as good as any other, so without the check a null pointer reads and writes in silence.
const CHECKS: &str = "-fsanitize=null,signed-integer-overflow,array-bounds,integer-divide-by-zero,\
                      shift,return,unreachable,bool,enum";

/// C, by clang.
pub(crate) struct C;

impl Toolchain for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.c"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("c"),
            Part::Sdk("c", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let mut sources = sources(build.folder)?;
        let sdk = build.folder.join("sdk");
        sources.extend(self::sources(&sdk)?);
        // What these say is no style: memory is overwritten, or an outcome is missing.
        let errors = "-Werror=incompatible-pointer-types";
        let flags = ["-Wall", errors, "-Werror=return-type", CHECKS];
        compile(build, &sources, &[sdk], &flags).map_err(with_help)
    }

    fn how_to_export(&self) -> &'static str {
        "include \"tollgate.h\" and write `tg_result handle(const tg_event *event) { … }`"
    }

    fn explain(&self, message: &str) -> Option<String> {
        message.contains("unreachable").then(|| {
            "a check that was compiled in has failed (a null pointer, an overflow of a signed \
             number, a wrong index, a function without `return`), or memory ran out; the functions \
             are named innermost first"
                .to_owned()
        })
    }
}

/// Compiles and links C sources with the bindings, and returns the module.
pub(super) fn compile(
    build: &Build<'_>,
    sources: &[PathBuf],
    includes: &[PathBuf],
    further: &[&str],
) -> Result<Vec<u8>, BuildError> {
    let clang = CLANG.find()?;
    let linker = LINKER.find()?;
    let generated = build.work.join("bindings");
    bindings::write_c(&generated)?;
    let name = clang.file_name().unwrap_or_default().to_string_lossy();
    build.say(&format!("{name} --target=wasm32-wasi -Oz …"));
    let output = build.work.join("module.wasm");
    let step = build
        .step(&clang)
        .args(["--target=wasm32-wasi", "-std=gnu11", "-Oz", "-g0"]);
    let step = step
        .args(further)
        .args(["-fsanitize-trap=all", "-mexec-model=reactor"]);
    // Compiler-rt is packaged apart, and handlers do not need it.
    let step = step.args(["-nodefaultlibs", "-lc", "-lm"]);
    // A stack that overflows meets the end of memory. The names of functions stay: a trap shows
    // them.
    let step = step.args([
        "-Wl,--stack-first",
        "-Wl,-z,stack-size=131072",
        "-Wl,--strip-debug",
    ]);
    let step = step.arg(format!("-fuse-ld={}", linker.display()));
    let includes = includes.iter().chain([&generated]);
    let step = includes.fold(step, |step, folder| step.arg("-I").arg(folder));
    let step = step.args(sources).arg(generated.join("handler.c"));
    let step = step.arg(generated.join("handler_component_type.o"));
    step.arg("-o").arg(&output).run(build.say)?;
    build.read(&output)
}

/// The C sources of a folder, in order.
pub(super) fn sources(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let read = fs::read_dir(folder).map_err(BuildError::file(folder))?;
    let files = read.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|ending| ending == "c"))
        .collect();
    files.sort();
    Ok(files)
}

/// Adds what to do to the errors that a new project often has.
fn with_help(error: BuildError) -> BuildError {
    error.shown_as("clang").with_help(|said| {
        let missing = |header: &str| said.contains(&format!("'{header}' file not found"));
        if said.contains("undefined symbol: handle") {
            Some(C.how_to_export().to_owned())
        } else if missing("stdlib.h") || missing("string.h") {
            Some(format!("wasi-libc is missing: {}", INSTALL.here()))
        } else {
            None
        }
    })
}
