//! JavaScript and TypeScript, by esbuild and componentize-qjs: packages of npm, in the project.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;

/// The oldest major version of Node that the compiler runs in.
const OLDEST_NODE: u32 = 20;

const INSTALL_NODE: Install = Install {
    any: "",
    apt: "nodejs npm",
    dnf: "nodejs npm",
    apk: "nodejs npm",
    brew: "node",
    otherwise: "install Node.js 20 or newer as https://nodejs.org says",
};

const NODE: Tool = Tool {
    names: &["node"],
    purpose: "compiles handlers in JavaScript and TypeScript (Node.js 20 or newer)",
    install: INSTALL_NODE,
};

const NPM: Tool = Tool {
    names: &["npm"],
    purpose: "installs the compiler into the project",
    install: INSTALL_NODE,
};

/// The compiler, in the project: the SDK brings it.
const COMPILER: &str = "node_modules/tollgate-handler/compile/main.js";

/// What npm has installed, by npm's own note.
const INSTALLED: &str = "node_modules/.package-lock.json";

const HOW_TO_EXPORT: &str = "export the handler by default: `export default handler({ \
                             \"payment_intent.succeeded\": (event) => { …; return done(); } });`";

/// JavaScript.
pub(crate) struct JavaScript;

impl Toolchain for JavaScript {
    fn name(&self) -> &'static str {
        "javascript"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["package.json", "src/handler.js"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("javascript"),
            Part::Sdk("javascript", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        compile(build)
    }

    fn how_to_export(&self) -> &'static str {
        HOW_TO_EXPORT
    }
}

/// TypeScript.
pub(crate) struct TypeScript;

impl Toolchain for TypeScript {
    fn name(&self) -> &'static str {
        "typescript"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["package.json", "src/handler.ts"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("typescript"),
            Part::Sdk("javascript", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        compile(build)
    }

    fn how_to_export(&self) -> &'static str {
        HOW_TO_EXPORT
    }
}

fn compile(build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
    let node = NODE.find()?;
    require_version(build, &node)?;
    install(build)?;
    let compiler = build.folder.join(COMPILER);
    if !compiler.is_file() {
        return Err(BuildError::wrong(
            "package.json does not name the SDK",
            "write into `dependencies`: \"tollgate-handler\": \"file:sdk\"",
        ));
    }
    build.say("tollgate-compile");
    let out = build.work.join("handler.wasm");
    let step = build.step(&node).arg(&compiler).arg("--out").arg(&out);
    step.run(build.say)?;
    build.read(&out)
}

/// Fails if Node is too old.
fn require_version(build: &Build<'_>, node: &Path) -> Result<(), BuildError> {
    let out = build.step(node).arg("--version").run(build.say)?;
    let version = String::from_utf8_lossy(&out).trim().to_owned();
    if major(&version).is_some_and(|major| major < OLDEST_NODE) {
        return Err(NODE.missing(format!("this is Node {version}; 20 or newer is needed")));
    }
    Ok(())
}

/// The major version in a text such as `v20.1.0`.
fn major(version: &str) -> Option<u32> {
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Installs the packages that the project names, unless they are there already. No package runs
/// code of its own as it is installed.
fn install(build: &Build<'_>) -> Result<(), BuildError> {
    let lock = build.folder.join("package-lock.json");
    let needed = [build.folder.join("package.json"), lock.clone()];
    if is_newer(&build.folder.join(INSTALLED), &needed) {
        return Ok(());
    }
    let npm = NPM.find()?;
    // With a lock, npm installs just what the lock names; without one, npm writes one.
    let verb = if lock.is_file() { "ci" } else { "install" };
    build.say(&format!("npm {verb} --ignore-scripts"));
    let options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    let step = build.step(&npm).arg(verb).args(options);
    step.run(build.say).map(drop).map_err(|error| {
        error.with_help(|said| {
            let outdated = said.contains("in sync");
            outdated.then(|| "npm install --ignore-scripts".to_owned())
        })
    })
}

/// Whether a file is newer than all of these that are there.
fn is_newer(file: &Path, than: &[PathBuf]) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let Some(made) = changed(file) else {
        return false;
    };
    than.iter()
        .filter_map(|path| changed(path))
        .all(|one| one <= made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v18.0.0\n"), Some(18));
        assert_eq!(major("nightly"), None);
    }

    #[test]
    fn an_installation_is_as_new_as_what_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        let (made, needed) = (folder.path().join("made"), folder.path().join("needed"));
        assert!(!is_newer(&made, &[]));
        fs::write(&made, "").unwrap();
        let absent = folder.path().join("absent");
        assert!(is_newer(&made, std::slice::from_ref(&absent)));
        fs::write(&needed, "").unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::open(&needed)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert!(!is_newer(&made, &[absent, needed]));
    }
}
