//! AssemblyScript, by asc from npm.

use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

const NPM: Tool = Tool {
    names: &["npm"],
    purpose: "fetches the compiler that package.json names",
    install: INSTALL,
};

const NODE: Tool = Tool {
    names: &["node"],
    purpose: "runs the compiler of AssemblyScript",
    install: INSTALL,
};

const INSTALL: Install = Install {
    any: "",
    apt: "nodejs npm",
    dnf: "nodejs npm",
    apk: "nodejs npm",
    brew: "node",
    otherwise: "install Node.js 20 or newer, with npm",
};

/// The compiler, in the project's folder.
const ASC: &str = "node_modules/assemblyscript/bin/asc.js";

/// AssemblyScript, by asc from npm.
pub(crate) struct AssemblyScript;

impl Toolchain for AssemblyScript {
    fn name(&self) -> &'static str {
        "assemblyscript"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.ts", "sdk/abi.ts"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("assemblyscript"),
            Part::Sdk("assemblyscript", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let node = NODE.find()?;
        let compiler = build.folder.join(ASC);
        if !compiler.is_file() {
            build.say("npm install");
            let step = build
                .step(&NPM.find()?)
                .args(["install", "--no-audit", "--no-fund"]);
            // No package of this project needs to run anything as it is installed.
            step.args(["--ignore-scripts", "--loglevel=error"])
                .run(build.say)?;
        }
        build.say("asc handler.ts");
        let output = build.work.join("module.wasm");
        let step = build.step(&node).arg(ASC).arg("sdk/entry.ts");
        let step = step
            .arg("--outFile")
            .arg(&output)
            .args(["-O", "--runtime", "stub"]);
        let step = step.args(["--use", "abort=sdk/abi/abortHandler"]);
        let step = step.args(["--use", "trace=sdk/abi/traceHandler"]);
        step.run(build.say).map_err(with_help)?;
        build.read(&output)
    }

    fn how_to_export(&self) -> &'static str {
        "write into handler.ts: `export function onEvent(event: Event): Result { … }`"
    }

    fn how_to_avoid(&self, module: &str, name: &str) -> Option<String> {
        let instead = match (module, name) {
            ("env", "seed") => {
                "`Math.random` asks for a seed that nobody has: take what differs from the event, \
                 such as `event.id`"
            }
            ("env", "Date.now") => {
                "there is no clock here: the event has `createdMs` and `receivedMs`"
            }
            ("env", _) if name.starts_with("console.") => "write log lines with `log.info`",
            _ => return None,
        };
        Some(instead.to_owned())
    }
}

/// Adds what to do to an error that a new project often has.
fn with_help(error: BuildError) -> BuildError {
    error.with_help(|said| {
        let unnamed = said.contains("onEvent");
        unnamed.then(|| AssemblyScript.how_to_export().to_owned())
    })
}
